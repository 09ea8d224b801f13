// Goal: nobody touches a manager after the call that may have given its last owner away: a guard
// that hands its release over, and a coroutine that hands itself over, while another thread
// destroys the manager. Method: the thread that hands over stands still after each of its unlocks
// in turn, until the manager is gone; what is freed meanwhile is kept aside, and the thread must
// lock no mutex in it.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <gtest/gtest.h>
#include <malloc.h>
#include <new>
#include <optional>
#include <pthread.h>
#include <thread>
#include <unistd.h>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/fault_backend.hpp>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"

namespace {

using namespace std::chrono_literals;

// What was freed while it is watched, and is kept.
class Aside {
  public:
    bool take(void* memory) noexcept {
        if (!watching || memory == nullptr) return false;
        const std::size_t at = count_.fetch_add(1);
        if (at >= blocks_.size()) return false;
        // Zeros are a mutex that is free, and a flag that says: lock it.
        std::memset(memory, 0, ::malloc_usable_size(memory));
        blocks_[at] = static_cast<std::byte*>(memory);
        return true;
    }
    bool has(const void* address) const noexcept {
        const std::size_t count = std::min(count_.load(), blocks_.size());
        for (std::size_t i = 0; i < count; ++i) {
            std::byte* const begin = blocks_[i];
            if (begin != nullptr && address >= begin &&
                address < begin + ::malloc_usable_size(begin)) {
                return true;
            }
        }
        return false;
    }

    std::atomic<bool> watching{false};

  private:
    std::array<std::atomic<std::byte*>, 1U << 16U> blocks_{};
    std::atomic<std::size_t> count_{0};
};

constinit Aside aside{};
constinit std::atomic<bool> stands_still{false};
constinit std::atomic<bool> may_go_on{false};
constinit std::atomic<bool> touched{false};
constinit thread_local int unlocks_left = 0;
constinit thread_local bool is_checked = false;

// Not for ever: what the other thread has to lock may be locked here.
void stand_still() noexcept {
    stands_still = true;
    for (int i = 0; i < 300 && !may_go_on; ++i) ::usleep(1000);
}

using Lock = int (*)(pthread_mutex_t*);
Lock real(const char* name) noexcept { return reinterpret_cast<Lock>(::dlsym(RTLD_NEXT, name)); }

}  // namespace

// Instead of the C library's and the C++ library's, for the whole program.
extern "C" int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
    static const Lock unlock = real("pthread_mutex_unlock");
    const int result = unlock(mutex);
    if (unlocks_left > 0 && --unlocks_left == 0) stand_still();
    return result;
}
extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
    static const Lock lock = real("pthread_mutex_lock");
    if (is_checked && aside.has(mutex)) touched = true;
    return lock(mutex);
}
void operator delete(void* memory) noexcept {
    if (!aside.take(memory)) std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept { operator delete(memory); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
    operator delete(memory);
}
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
    operator delete(memory);
}

namespace leaselock {
namespace {

using support::poll_until;

// Runs `hand_over` in a thread that stands still after its nth unlock, and `meanwhile` then. False:
// it has no such unlock.
bool race(int nth, const std::function<void()>& hand_over, const std::function<void()>& meanwhile) {
    stands_still = may_go_on = false;
    std::atomic<bool> done{false};
    std::thread thread{[&] {
        is_checked = true;
        unlocks_left = nth;
        hand_over();
        unlocks_left = 0;
        is_checked = false;
        done = true;
    }};
    EXPECT_TRUE(poll_until([&] { return stands_still || done; }));
    aside.watching = true;
    meanwhile();
    may_go_on = true;
    thread.join();
    aside.watching = false;
    return stands_still;
}

constexpr int most_unlocks = 60;

TEST(LastOwner, GuardLeavesItsManagerAloneAfterItHasHandedItsReleaseOver) {
    int nth = 1;
    bool more = true;
    touched = false;
    for (; more && nth < most_unlocks && !touched; ++nth) {
        auto backend = std::make_shared<testing::FaultBackend>(std::make_shared<MemoryBackend>());
        backend->on_help([](const Request&) {});  // a release is not settled when it is sent
        auto manager = std::make_unique<LockManager>(ManagerOptions{.backend = "store"});
        manager->register_backend("store", std::move(backend));
        auto lock = manager->acquire("key");
        ASSERT_TRUE(lock.has_value());
        more = race(
            nth, [&] { lock.reset(); }, [&] { manager.reset(); });
    }
    EXPECT_FALSE(touched) << "after unlock " << nth - 1;
    EXPECT_FALSE(more);
    EXPECT_GT(nth, 3);
}

support::Detached acquire(LockManager& manager, std::atomic<bool>& done) {
    { const auto lock = co_await manager.async_acquire("key"); }
    done = true;
}

TEST(LastOwner, CoroutineLeavesItsManagerAloneAfterItHasHandedItselfOver) {
    int nth = 1;
    bool more = true;
    touched = false;
    for (; more && nth < most_unlocks && !touched; ++nth) {
        auto manager = std::make_unique<LockManager>();
        std::atomic<bool> done{false};
        const auto meanwhile = [&] {
            // Its thread goes round, whatever has woken it.
            manager->async_acquire("another", {}, {}, [](auto, auto) {});
            (void)poll_until([&] { return done.load(); }, 500ms);
            if (done) manager.reset();
        };
        more = race(
            nth, [&] { acquire(*manager, done); }, meanwhile);
        EXPECT_TRUE(poll_until([&] { return done.load(); }));
    }
    EXPECT_FALSE(touched) << "after unlock " << nth - 1;
    EXPECT_FALSE(more);
    EXPECT_GT(nth, 4);
}

}  // namespace
}  // namespace leaselock
