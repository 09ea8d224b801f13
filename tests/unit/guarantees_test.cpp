// Goal: each backend promises what docs/reference/guarantees.md says; a call that requires more
// than its store promises is refused before any I/O, by whatever face it comes, and the error names
// both. Method: the table of that page against the backends, and a store that promises little and
// keeps a record of what it was asked.
#include <atomic>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/file.hpp>
#include <leaselock/hazelcast.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

constexpr Guarantees most{.exclusion = Exclusion::always,
                          .fences = Fences::log,
                          .notified = true,
                          .fair = true,
                          .process_end = true,
                          .shares = true,
                          .latches = true,
                          .min_hold = true,
                          .list = true,
                          .least_ttl = min_ttl};

// One demand each, and nothing else.
constexpr Guarantees demands[]{
    {.exclusion = Exclusion::if_replicated},
    {.exclusion = Exclusion::always},
    {.fences = Fences::clock},
    {.fences = Fences::log},
    {.notified = true},
    {.fair = true},
    {.process_end = true},
    {.shares = true},
    {.latches = true},
    {.min_hold = true},
    {.list = true},
    {.least_ttl = max_ttl - 1ms},
};

// The store in memory, which promises what the test says.
class Promising final : public Backend {
  public:
    explicit Promising(const Guarantees& promised) : promised_{promised} {}

    using Backend::submit;

    [[nodiscard]] Guarantees guarantees() const noexcept override { return promised_; }
    void submit(std::span<Operation* const> operations) noexcept override {
        inner_.submit(operations);
    }
    void forget(Listener& listener) noexcept override { inner_.forget(listener); }

  private:
    const Guarantees promised_;
    MemoryBackend inner_;
};

ManagerWorld world_of(const Guarantees& promised) {
    return ManagerWorld{ManagerWorld::Sleep::self_advancing, std::make_shared<Promising>(promised)};
}

// "| `fair` | yes |": name and cells of each row that says something of a promise.
std::map<std::string, std::vector<std::string>> rows_of_page() {
    std::ifstream in{LEASELOCK_GUARANTEES_PAGE};
    std::map<std::string, std::vector<std::string>> rows;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line.rfind("| `Guarantees` |", 0) == 0) inside = true;
        if (line.empty()) inside = false;
        if (!inside || line.rfind("| `", 0) != 0) continue;
        std::istringstream cells{line.substr(2)};
        std::vector<std::string> row;
        for (std::string cell; std::getline(cells, cell, '|');) {
            const auto begin = cell.find_first_not_of(" `");
            row.push_back(cell.substr(begin, cell.find_last_not_of(" `") + 1 - begin));
        }
        rows[row.front()] = {row.begin() + 1, row.end()};
    }
    return rows;
}

// "fair = yes, ..." by name.
std::map<std::string, std::string> fields_of(const Guarantees& guarantees) {
    std::map<std::string, std::string> fields;
    std::istringstream in{to_string(guarantees)};
    for (std::string field; std::getline(in >> std::ws, field, ',');) {
        const auto equals = field.find(" = ");
        fields[field.substr(0, equals)] = field.substr(equals + 3);
    }
    return fields;
}

TEST(Guarantees, EachBackendPromisesWhatThePageSays) {
    const std::vector<std::pair<std::string, Guarantees>> stores{
        {"memory", MemoryBackend{}.guarantees()},
        {"files", make_file_backend()->guarantees()},
        {"Redis: one, by Sentinels, a Cluster", make_redis_backend({})->guarantees()},
        {"Hazelcast", make_hazelcast_backend({})->guarantees()},
        {"(default)", Guarantees{}},
    };
    auto rows = rows_of_page();
    ASSERT_GE(rows["Guarantees"].size(), stores.size());
    for (std::size_t i = 0; i < stores.size(); ++i) {
        const auto& [name, promised] = stores[i];
        EXPECT_EQ(rows["Guarantees"][i], name);
        for (const auto& [field, value] : fields_of(promised)) {
            ASSERT_GT(rows[field].size(), i) << "the page has no row " << field;
            EXPECT_EQ(rows[field][i], value) << field << " of " << name;
        }
    }
    EXPECT_EQ(rows.size(), fields_of(most).size() + 1) << "with its head";
}

TEST(Guarantees, PromisesOfOneBackendStandAsTheyAre) {
    const Guarantees redis{.exclusion = Exclusion::until_failover,
                           .fences = Fences::clock,
                           .notified = true,
                           .fair = true,
                           .process_end = false,
                           .shares = true,
                           .latches = true,
                           .min_hold = true,
                           .list = true,
                           .least_ttl = 10ms};
    EXPECT_EQ(make_redis_backend({})->guarantees(), redis);
    Guarantees files = redis;
    files.exclusion = Exclusion::always;
    files.process_end = true;
    EXPECT_EQ(make_file_backend()->guarantees(), files);
    Guarantees memory = redis;
    memory.exclusion = Exclusion::always;
    memory.fences = Fences::counter;
    EXPECT_EQ(MemoryBackend{}.guarantees(), memory);
    EXPECT_EQ(testing::FaultBackend{std::make_shared<MemoryBackend>()}.guarantees(), memory);
}

TEST(Guarantees, DefaultPromisesNothingAndDemandsNothing) {
    EXPECT_TRUE(covers(Guarantees{}, Guarantees{}));
    EXPECT_TRUE(covers(most, Guarantees{}));
    for (const Guarantees& each : demands) {
        EXPECT_FALSE(covers(Guarantees{}, each)) << to_string(each);
        EXPECT_TRUE(covers(each, each)) << to_string(each);
        EXPECT_TRUE(covers(most, each)) << to_string(each);
    }
}

TEST(Guarantees, OneThatIsPromisedIsNotAnother) {
    for (const Guarantees& promised : demands) {
        for (const Guarantees& demanded : demands) {
            const bool stronger =
                (promised.exclusion == Exclusion::always &&
                 demanded.exclusion == Exclusion::if_replicated) ||
                (promised.fences == Fences::log && demanded.fences == Fences::clock);
            EXPECT_EQ(covers(promised, demanded), promised == demanded || stronger)
                << to_string(promised) << " / " << to_string(demanded);
        }
    }
}

TEST(Guarantees, ManagerTellsWhatItsBackendsPromise) {
    const ManagerWorld world = world_of({.fair = true});
    LockManager manager = world.make("third:3");
    EXPECT_EQ(manager.guarantees(), (Guarantees{.fair = true}));
    EXPECT_EQ(manager.guarantees("memory"), MemoryBackend{}.guarantees());
    std::error_code ec;
    EXPECT_EQ(manager.guarantees("nowhere", ec), Guarantees{});
    EXPECT_EQ(ec, Errc::unknown_backend);
    EXPECT_EQ(manager.guarantees("store", ec), (Guarantees{.fair = true}));
    EXPECT_EQ(ec, std::error_code{});
    EXPECT_THROW((void)manager.guarantees("nowhere"), LockError);
    EXPECT_EQ(world.backend->count(), 0U);
}

TEST(Guarantees, EachDemandIsRefusedByAStoreThatPromisesNothingElse) {
    for (const Guarantees& demanded : demands) {
        ManagerWorld world = world_of({});
        std::error_code ec;
        EXPECT_FALSE(granted(world.manager.acquire("key", {.require = demanded}, ec)));
        EXPECT_EQ(ec, Errc::not_promised) << to_string(demanded);
        EXPECT_EQ(ec, Family::refused);
        EXPECT_EQ(ec, std::errc::not_supported);
        EXPECT_EQ(world.backend->count(), 0U);
        ManagerWorld able = world_of(demanded);
        EXPECT_TRUE(able.manager.acquire("key", {.require = demanded}, ec));
        EXPECT_EQ(ec, std::error_code{});
    }
}

TEST(Guarantees, RefusalNamesTheDemandAndThePromise) {
    ManagerWorld world = world_of({.fences = Fences::clock, .least_ttl = 2s});
    const std::vector<std::pair<Guarantees, std::string>> texts{
        {{.fences = Fences::log}, "the default backend: fences = log is required, and clock is"},
        {{.fair = true}, "the default backend: fair = yes is required, and no is promised"},
        {{.exclusion = Exclusion::always}, "exclusion = always is required, and until_failover is"},
        {{.least_ttl = 100ms}, "least_ttl = 100 ms is required, and 2000 ms is promised"},
    };
    for (const auto& [demanded, text] : texts) {
        try {
            (void)world.manager.acquire("key", {.require = demanded});
            ADD_FAILURE() << "was not refused: " << text;
        } catch (const LockError& error) {
            EXPECT_EQ(error.code(), Errc::not_promised);
            EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
        }
    }
}

TEST(Guarantees, DemandIsForTheBackendOfTheCall) {
    ManagerWorld world = world_of({});
    const LockOptions fair{.backend = "memory", .require = {.fair = true}};
    EXPECT_TRUE(world.manager.acquire("key", fair));
    EXPECT_EQ(world.backend->count(), 0U);
    try {
        (void)world.manager.acquire("key", {.backend = "store", .require = {.fair = true}});
        ADD_FAILURE() << "was not refused";
    } catch (const LockError& error) {
        EXPECT_NE(std::string(error.what()).find("backend 'store': fair"), std::string::npos);
    }
}

// Every way to a lock, with these options.
using Way = std::function<void(LockManager&, const LockOptions&)>;
const std::vector<std::pair<const char*, Way>> ways{
    {"try_acquire", [](LockManager& locks,
                       const LockOptions& options) { (void)locks.try_acquire("key", options); }},
    {"a wait",
     [](LockManager& locks, LockOptions options) {
         options.wait_timeout = forever;
         (void)locks.acquire("key", options);
     }},
    {"a guard",
     [](LockManager& locks, const LockOptions& options) {
         const ScopedDistributedLock guard{locks, "key", options};
     }},
    {"a share",
     [](LockManager& locks, LockOptions options) {
         options.share = shared;
         (void)locks.acquire("key", options);
     }},
    {"DistributedMutex",
     [](LockManager& locks, const LockOptions& options) {
         DistributedMutex mutex{locks, "key", options};
         const std::lock_guard lock{mutex};
     }},
    {"SharedDistributedMutex",
     [](LockManager& locks, const LockOptions& options) {
         SharedDistributedMutex mutex{locks, "key", options};
         const std::shared_lock lock{mutex};
     }},
    {"DistributedSemaphore",
     [](LockManager& locks, const LockOptions& options) {
         (void)DistributedSemaphore{locks, "key", 3, options}.acquire();
     }},
    {"CountDownLatch",
     [](LockManager& locks, const LockOptions& options) {
         CountDownLatch{locks, "key", 3, options}.count_down();
     }},
    {"LockOwner",
     [](LockManager& locks, const LockOptions& options) {
         LockOwner owner{locks};
         (void)owner.acquire("key", options);
     }},
    {"acquire_all",
     [](LockManager& locks, const LockOptions& options) {
         (void)acquire_all(locks, {"a", "b"}, options);
     }},
    {"LeaderElection",
     [](LockManager& locks, const LockOptions& options) {
         LeaderElection election{locks, "key", options};
         (void)election.campaign();
     }},
    {"run_once", [](LockManager& locks,
                    const LockOptions& options) { (void)run_once(locks, "key", options, [] {}); }},
    {"with_lock", [](LockManager& locks,
                     const LockOptions& options) { with_lock(locks, "key", options, [] {}); }},
    {"DISTRIBUTED_LOCK",
     [](LockManager& locks, const LockOptions& options) {
         DISTRIBUTED_LOCK(locks, "key", options);
     }},
};

TEST(Guarantees, DemandHoldsForEveryWayToALock) {
    for (const auto& [name, way] : ways) {
        ManagerWorld world = world_of({});
        try {
            way(world.manager, {.require = {.fair = true}});
            ADD_FAILURE() << name << " was not refused";
        } catch (const LockError& error) {
            EXPECT_EQ(error.code(), Errc::not_promised) << name;
        }
        EXPECT_EQ(world.backend->count(), 0U) << name;
    }
}

TEST(Guarantees, DemandHoldsForCoroutinesAndCallbacks) {
    ManagerWorld world = world_of({});
    std::error_code of_coroutine;
    std::error_code of_callback;
    std::atomic<int> done{0};
    auto run = [&]() -> support::Detached {
        const LockOptions options{.wait_timeout = forever, .require = {.notified = true}};
        EXPECT_FALSE(
            granted(co_await world.manager.async_acquire("key", options, {}, of_coroutine)));
        ++done;
    };
    run();
    world.manager.async_acquire("key", {.require = {.notified = true}}, {},
                                [&](std::optional<ScopedDistributedLock> lock, std::error_code ec) {
                                    EXPECT_FALSE(lock.has_value());
                                    of_callback = ec;
                                    ++done;
                                });
    ASSERT_TRUE(support::poll_until([&] { return done == 2; }));
    EXPECT_EQ(of_coroutine, Errc::not_promised);
    EXPECT_EQ(of_callback, Errc::not_promised);
    EXPECT_EQ(world.backend->count(), 0U);
}

}  // namespace
}  // namespace leaselock
