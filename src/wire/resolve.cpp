#include "wire/resolve.hpp"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <new>
#include <sys/un.h>
#include <system_error>
#include <thread>

namespace leaselock::wire {
namespace {

int ask(const std::string& host, std::uint16_t port, int flags, std::vector<Address>& found) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (error != 0) return error;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned{list, &::freeaddrinfo};
    for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
        Address& address = found.emplace_back();
        std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
        address.length = each->ai_addrlen;
    }
    return 0;
}

// Shared by the thread that waits and the one that asks, so that either may end first.
struct Lookup {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_done = false;
    int error = 0;
    std::vector<Address> found;
};

void look_up(const std::shared_ptr<Lookup>& lookup, const std::string& host, std::uint16_t port) {
    std::vector<Address> found;
    int error = EAI_MEMORY;
    try {
        error = ask(host, port, AI_ADDRCONFIG, found);
    } catch (const std::bad_alloc&) {
        found.clear();
    }
    const std::lock_guard lock{lookup->mutex};
    lookup->found = std::move(found);
    lookup->error = error;
    lookup->is_done = true;
    lookup->changed.notify_one();
}

// getaddrinfo cannot be given a time nor be ended, so it runs in a thread that nobody waits for.
// Signals of the program are not for that thread.
void start_look_up(const std::shared_ptr<Lookup>& lookup, const std::string& host,
                   std::uint16_t port) {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        std::thread{[lookup, host, port] { look_up(lookup, host, port); }}.detach();
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

std::string describe(const Address& address) {
    if (address.storage.ss_family == AF_UNIX) {
        return reinterpret_cast<const sockaddr_un*>(&address.storage)->sun_path;
    }
    char host[NI_MAXHOST] = "";
    char port[NI_MAXSERV] = "";
    ::getnameinfo(address.raw(), address.length, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV);
    const std::string text = host;
    return (address.storage.ss_family == AF_INET6 ? '[' + text + ']' : text) + ':' + port;
}

std::vector<Address> resolve(const std::string& host, std::uint16_t port, const Clock& clock,
                             Clock::time_point until, std::string& why) {
    std::vector<Address> numeric;
    if (ask(host, port, AI_NUMERICHOST, numeric) == 0) return numeric;

    const auto lookup = std::make_shared<Lookup>();
    try {
        start_look_up(lookup, host, port);
    } catch (const std::system_error& error) {
        why = "host '" + host + "': no thread to look it up: " + error.code().message();
        return {};
    }
    constexpr Clock::duration longest_nap = std::chrono::hours{1};
    std::unique_lock lock{lookup->mutex};
    for (auto now = clock.now(); !lookup->is_done && now < until; now = clock.now()) {
        lookup->changed.wait_for(lock, std::min(until - now, longest_nap));
    }
    if (lookup->is_done && lookup->error == 0) return std::move(lookup->found);
    why = "host '" + host + "': " +
          (lookup->is_done ? ::gai_strerror(lookup->error) : "the name was not found out in time");
    return {};
}

}  // namespace leaselock::wire
