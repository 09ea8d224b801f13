// How the library starts a thread: one that takes no signals, for those belong to the program.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <csignal>
#include <pthread.h>
#include <system_error>
#include <thread>
#include <utility>

namespace leaselock::detail {

// False: the system has none to give. May throw bad_alloc.
template <class Function>
[[nodiscard]] bool start_thread(std::thread& thread, Function&& function) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = true;
    try {
        thread = std::thread{std::forward<Function>(function)};
    } catch (const std::system_error&) {
        started = false;
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

}  // namespace leaselock::detail
