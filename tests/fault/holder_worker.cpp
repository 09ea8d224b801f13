// A process that holds locks beside a test, which stops it, kills it, or steps its clock.
//
//     holder_worker hold <url> <directory> <ttl ms>
//     holder_worker renew <url> <ttl ms> <for ms>
//     holder_worker linger <url>
//     holder_worker storm <url> <directory> <keys> <threads> <for ms> <seed>
//
// It ends with 0 if all was as it has to be, else with the number of what was not.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/fenced_store.hpp"
#include "support/history.hpp"
#include "support/leaks.hpp"
#include "support/patient.hpp"
#include "support/poll_until.hpp"

namespace {

using namespace leaselock;
using namespace leaselock::support;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds limit = 30s;

LockManager manager_on(const std::string& url, milliseconds timeout) {
    LockManager locks{{.prefix = "p:", .backend = "redis", .shutdown_timeout = 10s}};
    locks.register_backend(
        "redis",
        make_redis_backend({.url = url, .connect_timeout = limit, .command_timeout = timeout}));
    return locks;
}

// Holds until it is notified that the lock is lost, which nothing but a stop of this process
// causes, and then goes on as a program would that has not asked: it writes.
int hold(const std::string& url, const std::string& directory, milliseconds ttl) {
    LockManager locks = manager_on(url, limit);
    History history{directory + "/history"};
    FencedStore store{directory + "/store", FenceCheck::on};
    std::error_code ec;
    auto lock = RecordedLock::acquire(history, locks, "key", {.ttl = ttl}, ec);
    if (!lock) return 2;
    const std::stop_token lost = lock->lock().lost();
    const std::uint64_t fence = lock->lock().fencing_token();
    const auto read = store.read(fence);
    if (!read) return 3;
    const std::ofstream ready{directory + "/ready"};
    if (!poll_until([&] { return !lock->owns_lock(); }, limit)) return 4;
    if (lock->lock().remaining() != 0ms) return 5;
    lock->ensure(ec);
    if (ec != Errc::lost) return 6;
    if (!poll_until([&] { return lost.stop_requested(); }, limit)) return 7;
    if (store.write(*read, fence)) return 8;
    return lock->lock().release() == ReleaseResult::lost ? 0 : 9;
}

// Holds while the test steps this process' wall clock.
int renew(const std::string& url, milliseconds ttl, milliseconds time) {
    using Wall = std::chrono::system_clock;
    LockManager locks = manager_on(url, limit);
    std::error_code ec;
    auto lock = locks.acquire("key", {.ttl = ttl}, ec);
    if (!lock) return 2;
    const std::stop_token lost = lock->lost();
    Wall::time_point first = Wall::time_point::max();
    Wall::time_point last = Wall::time_point::min();
    const auto until = boot_clock()->now() + time;
    bool held = true;
    (void)poll_until(
        [&] {
            first = std::min(first, Wall::now());
            last = std::max(last, Wall::now());
            held = held && lock->owns_lock() && lock->remaining() <= ttl;
            return !held || boot_clock()->now() > until;
        },
        limit);
    if (!held || lost.stop_requested()) return 3;
    if (last - first < 30min) return 4;  // nobody stepped it
    if (locks.stats().renewed == 0) return 5;
    // A wait, and the time for which an acquire is meant, too.
    if (granted(locks.acquire("key", {.wait_timeout = 50ms}, ec)) || ec != Errc::wait_timed_out)
        return 6;
    if (lock->release(ec) != ReleaseResult::released) return 7;
    return granted(locks.acquire("key", {}, ec)) ? 0 : 8;
}

// Ends with guards that go away in either order with their managers.
int linger(const std::string& url) {
    static std::optional<ScopedDistributedLock> behind_its_manager;
    static LockManager locks = manager_on(url, limit);
    static std::optional<ScopedDistributedLock> before_its_manager;
    static std::optional<ScopedDistributedLock> of_the_default_manager;
    const LockOptions options{.ttl = 10min};
    behind_its_manager.emplace(locks, "behind", options);
    before_its_manager.emplace(locks, "before", options);
    default_manager().register_backend("redis", make_redis_backend({.url = support::patient(url)}));
    default_manager().set_default_backend("redis");
    of_the_default_manager.emplace(default_manager(), "default", options);
    return 0;
}

struct Storm {
    LockManager& locks;
    History& history;
    std::deque<FencedStore>& stores;
};

// One section on some key, however it ends: what it reads it writes, unless it was notified.
void storm_once(const Storm& storm, std::minstd_rand& random) {
    const std::size_t key = random() % storm.stores.size();
    const milliseconds ttl{200 << random() % 3};
    const LockOptions options{.ttl = ttl, .wait_timeout = 50ms, .retry_delay = 5ms};
    std::error_code ec;
    auto lock =
        RecordedLock::acquire(storm.history, storm.locks, "key" + std::to_string(key), options, ec);
    if (!lock) return;
    FencedStore& store = storm.stores[key];
    const std::uint64_t fence = lock->lock().fencing_token();
    const auto read = store.read(fence);
    // Some go on for longer than their ttl.
    const milliseconds time = random() % 24 == 0 ? 2 * ttl : milliseconds{random() % 10};
    const auto until = boot_clock()->now() + time;
    (void)poll_until([&] { return !lock->owns_lock() || boot_clock()->now() > until; }, limit);
    // Not asked again on purpose: the store is who refuses a late write.
    if (read) (void)store.write(*read, fence);
    if (random() % 2 == 0) (void)lock->lock().release(ec);
}

int storm(const std::string& url, const std::string& directory, int keys, int threads,
          milliseconds time, unsigned seed) {
    // A sanitizer may start a thread of its own with the first one of a process.
    std::thread{[] {}}.join();
    const std::size_t threads_before = running_threads();
    const std::size_t descriptors_before = open_descriptors();
    {
        History history{directory + "/history"};
        std::deque<FencedStore> stores;
        for (int key = 0; key < keys; ++key) {
            stores.emplace_back(directory + "/store" + std::to_string(key), FenceCheck::on);
        }
        LockManager locks = manager_on(url, 300ms);
        const Storm all{locks, history, stores};
        const auto until = boot_clock()->now() + time;
        std::vector<std::jthread> running;
        for (int i = 0; i < threads; ++i) {
            running.emplace_back([&, i] {
                std::minstd_rand random{seed + static_cast<unsigned>(i)};
                while (boot_clock()->now() < until) storm_once(all, random);
            });
        }
        running.clear();
        if (locks.stats().held_now != 0) return 2;
    }
    if (!poll_until([&] { return running_threads() == threads_before; })) return 3;
    return poll_until([&] { return open_descriptors() == descriptors_before; }) ? 0 : 4;
}

}  // namespace

int main(int count, char** words) {
    const std::vector<std::string> all{words, words + count};
    const auto word = [&](std::size_t i) { return i < all.size() ? all[i] : std::string{}; };
    const auto number = [&](std::size_t i) { return std::atoi(word(i).c_str()); };
    const auto ms = [&](std::size_t i) { return milliseconds{number(i)}; };
    if (word(1) == "hold") return hold(word(2), word(3), ms(4));
    if (word(1) == "renew") return renew(word(2), ms(3), ms(4));
    if (word(1) == "linger") return linger(word(2));
    if (word(1) == "storm") {
        return storm(word(2), word(3), number(4), number(5), ms(6),
                     static_cast<unsigned>(number(7)));
    }
    return 1;
}
