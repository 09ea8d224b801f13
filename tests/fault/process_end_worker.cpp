// A program whose locks lie in static objects, and which ends in an odd way. Its words: where the
// locks are (`memory`, `file:<directory>` or a URL of Redis), the order in which its static objects
// were made, and what it does in main. It ends with 0, with 3 where it says exit() itself, and
// writes nothing.
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"

namespace {

using namespace leaselock;
using namespace std::chrono_literals;
using support::poll_until;

constexpr int said_exit = 3;
constexpr auto patience = 30s;  // valgrind beside other tests is slow

std::string where;
std::string prefix = "p:";
std::string late_scene;

[[noreturn]] void fail(int status) { std::_Exit(status); }
void require(bool is_so, int status) {
    if (!is_so) fail(status);
}

struct ExitsAtARelease final : Observer {
    void on_released(const LockEvent& event) override {
        if (event.key == "exit in observer") std::exit(said_exit);
    }
};

std::shared_ptr<Backend> make_store() {
    if (where == "memory") return std::make_shared<MemoryBackend>();
    if (where.starts_with("file:")) return make_file_backend({.directory = where.substr(5)});
    return make_redis_backend(
        {.url = where, .connect_timeout = patience, .command_timeout = patience});
}

LockManager make() {
    ManagerOptions options{.prefix = prefix,
                           .owner = "worker",
                           .shutdown_timeout = patience,
                           .observer = std::make_shared<ExitsAtARelease>()};
    if (where == "memory") return LockManager{options};
    options.backend = "store";
    LockManager manager{options};
    manager.register_backend("store", make_store());
    return manager;
}

// All that can hold a lock.
struct Holders {
    std::optional<ScopedDistributedLock> guard, reader, kept;
    std::optional<DistributedMutex> mutex;
    std::optional<SharedDistributedMutex> shared_mutex;
    std::optional<DistributedSemaphore> semaphore;
    std::optional<ScopedDistributedLock> permit;
    std::optional<LeaderElection> election;
    std::optional<Leadership> lead;
    std::optional<LockOwner> owner;
    std::optional<OwnedLock> owned;
    std::optional<ScopedLockSet> set;
    std::vector<ScopedDistributedLock> many;  // more than a server reads at once
};

// Statics of functions are made when they are asked for first; these two before main.
std::optional<LockManager> manager_before_main;
Holders holders_before_main;
bool before_main = false;

LockManager& manager() {
    if (before_main) {
        if (!manager_before_main) manager_before_main.emplace(make());
        return *manager_before_main;
    }
    static LockManager locks = make();
    return locks;
}
Holders& holders() {
    if (before_main) return holders_before_main;
    static Holders all;
    return all;
}

// What is locked stays so until the end.
void hold_all() LEASELOCK_UNCHECKED {
    Holders& all = holders();
    LockManager& locks = manager();
    all.guard = locks.acquire("guard", {.ttl = 1min});
    all.reader = locks.acquire("reader", {.ttl = 1min, .share = shared});
    all.kept = locks.acquire("kept", {.ttl = 1min, .min_hold = 1min});
    all.mutex.emplace(locks, "mutex");
    all.mutex->lock();
    all.shared_mutex.emplace(locks, "shared mutex");
    all.shared_mutex->lock_shared();
    all.semaphore.emplace(locks, "semaphore", 3);
    all.permit = all.semaphore->acquire(2);
    all.election.emplace(locks, "election");
    all.lead = all.election->campaign();
    all.owner.emplace(locks);
    all.owned = all.owner->acquire("owned");
    all.set = acquire_all(locks, {"set a", "set b"});
    require(all.guard && all.reader && all.kept && all.permit && all.lead && all.owned && all.set,
            10);
    for (int i = 0; i < 50; ++i) {
        all.many.emplace_back(locks, "many " + std::to_string(i), LockOptions{.ttl = 1min});
    }
    (void)all.guard->lost();
    (void)all.lead->ended();
    (void)all.set->lost();
}

// Its lease ends, and another process gets the lock before this one ends.
void be_overtaken() {
    holders().guard = manager().acquire("overtaken", {.ttl = 300ms, .renewal = Renewal::off});
    require(holders().guard.has_value(), 11);
    require(poll_until([] { return manager().inspect("overtaken").owner == "test"; }, 30s), 12);
}

// Somebody waits for ever, in a thread and in a coroutine's way, for what is held here.
void let_others_wait() {
    hold_all();
    std::thread{[] {
        try {
            (void)manager().acquire("guard", {.wait_timeout = forever});
        } catch (const Error&) {
        }
    }}.detach();
    manager().async_acquire("reader", {.wait_timeout = forever}, {}, [](auto, auto) {});
    const auto waits = [] {
        return manager().inspect("guard").waiting > 0 && manager().inspect("reader").waiting > 0;
    };
    require(poll_until(waits, 30s), 13);
}

[[noreturn]] void wait_for_the_end() {
    for (;;) ::pause();
}

void exit_in_a_callback_of_lost() {
    hold_all();
    auto doomed = manager().acquire("doomed", {.ttl = 50ms, .renewal = Renewal::off});
    const std::stop_callback on_loss{doomed->lost(), [] { std::exit(said_exit); }};
    wait_for_the_end();
}

void exit_in_an_observer() {
    hold_all();
    (void)manager().acquire("exit in observer");
    wait_for_the_end();
}

void exit_in_a_callback_of_async_acquire() {
    hold_all();
    manager().async_acquire("async", {}, {}, [](auto, auto) { std::exit(said_exit); });
    wait_for_the_end();
}

void exit_in_a_thread() {
    hold_all();
    std::thread{[] { std::exit(said_exit); }}.detach();
    wait_for_the_end();
}

void exit_while_others_wait() {
    let_others_wait();
    std::exit(said_exit);
}

void quick_exit() {
    let_others_wait();
    std::quick_exit(said_exit);
}

// A static object that was made before main, and uses locks when all of main is over.
struct Late {
    Late() = default;
    Late(const Late&) = delete;
    Late& operator=(const Late&) = delete;
    ~Late() {
        if (late_scene.empty()) return;
        if (late_scene == "many") {
            use_many();
        } else {
            use_each_way();
        }
    }

  private:
    static void use_each_way() {
        std::error_code ec;
        require(granted(default_manager().acquire("late", {}, ec)), 20);
        DistributedMutex mutex{default_manager(), "late mutex"};
        mutex.lock();
        mutex.unlock();
        (void)default_manager().acquire("", {}, ec);
        require(ec == Errc::invalid_key && ec == Family::refused, 21);
        require(ec.message() == "invalid key", 22);
        require(std::string{ec.category().name()} == "leaselock", 23);
        LockManager own = make();
        auto lock = own.acquire("late");
        require(lock.has_value() && lock->owns_lock(), 24);
        (void)lock->lost();
        own.async_acquire("late async", {}, {}, [](auto, auto) {});
    }
    // More than a server reads at once.
    static void use_many() {
        std::vector<ScopedDistributedLock> all;
        for (int i = 0; i < 200; ++i) {
            all.emplace_back(default_manager(), "late " + std::to_string(i),
                             LockOptions{.ttl = 1min});
        }
    }
};
Late late;

void use_locks_late() { late_scene = "unused before"; }

// Of a manager that has done nothing before its end.
void use_many_locks_late() {
    default_manager().register_backend("store", make_store());
    default_manager().set_default_backend("store");
    late_scene = "many";
}

void use_locks_early_and_late() {
    (void)default_manager().acquire("early");
    hold_all();
    late_scene = "used before";
}

const std::map<std::string, void (*)()>& scenes() {
    static const std::map<std::string, void (*)()> all{
        {"hold", hold_all},
        {"overtaken", be_overtaken},
        {"late", use_locks_late},
        {"many_late", use_many_locks_late},
        {"early_and_late", use_locks_early_and_late},
        {"exit_in_lost", exit_in_a_callback_of_lost},
        {"exit_in_observer", exit_in_an_observer},
        {"exit_in_async", exit_in_a_callback_of_async_acquire},
        {"exit_in_thread", exit_in_a_thread},
        {"exit_while_others_wait", exit_while_others_wait},
        {"quick_exit", quick_exit},
    };
    return all;
}

}  // namespace

int main(int count, char** words) {
    if (count != 4) return 1;
    where = words[1];
    const std::string order = words[2];
    before_main = order == "before_main";
    // What is not released at all is in the way of nobody.
    if (std::string{words[3]}.find("exit") != std::string::npos) prefix += order + words[3] + ':';
    if (order == "holders_first") (void)holders();
    if (order == "manager_first") (void)manager();
    scenes().at(words[3])();
    return 0;
}
