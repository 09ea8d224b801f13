// Goal: a manager on a store whose client blocks keeps its promises while some call hangs in it.
// Method: a store in a map, on the real clock, whose calls hang at one key; and a copy of the
// process.
#include <atomic>
#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/blocking_backend.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/map_store.hpp"
#include "support/poll_until.hpp"
#include "support/process_copy.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::MapStore;
using support::poll_until;

// NOLINTNEXTLINE(cppcoreguidelines-special-member-functions,cppcoreguidelines-virtual-class-destructor)
class BlockingManagers : public ::testing::Test {
  protected:
    ~BlockingManagers() override { go_on(); }

    LockManager make(std::string owner) {
        LockManager manager{{.owner = std::move(owner)}};
        manager.register_backend("map", backend_);
        manager.set_default_backend("map");
        return manager;
    }
    // From now on calls at the key "hangs" do not end.
    void hang() { hangs_ = true; }
    void go_on() {
        hangs_ = false;
        hangs_.notify_all();
    }
    [[nodiscard]] bool is_hanging() {
        return poll_until([&] { return hanging_ > 0; });
    }

  private:
    void pass(const Request& what) {
        if (!what.key.ends_with("hangs")) return;
        ++hanging_;
        hangs_.wait(true);
        --hanging_;
    }

    std::atomic<bool> hangs_{false};
    std::atomic<int> hanging_{0};

  protected:
    std::shared_ptr<BlockingBackend> backend_ = std::make_shared<BlockingBackend>(
        std::make_unique<MapStore>(boot_clock(), [this](const Request& what) { pass(what); }));
};

TEST_F(BlockingManagers, WaiterPollsAndGetsTheLockThatIsReleased) {
    LockManager first = make("first:1");
    LockManager second = make("second:2");
    auto held = first.acquire("key", {.ttl = 1h});
    ASSERT_TRUE(held.has_value());
    auto call = std::async(std::launch::async, [&] {
        return second.acquire("key", {.ttl = 1h, .wait_timeout = forever, .retry_delay = 5ms});
    });
    EXPECT_EQ(call.wait_for(50ms), std::future_status::timeout);
    EXPECT_EQ(held->release(), ReleaseResult::released);
    const auto next = call.get();
    ASSERT_TRUE(next.has_value());
    EXPECT_GT(next->fencing_token(), held->fencing_token());
}

TEST_F(BlockingManagers, GuardThatEndsLongAfterItsManagerReleases) {
    for (int i = 0; i < 20; ++i) {
        std::optional<LockManager> manager{std::in_place, ManagerOptions{.shutdown_timeout = 1ms}};
        manager->register_backend("map", backend_);
        manager->set_default_backend("map");
        std::optional guard = manager->acquire("key", {.ttl = 1h});
        ASSERT_TRUE(guard.has_value());
        manager.reset();
        const Clock::time_point late = boot_clock()->now() + 3ms;
        ASSERT_TRUE(poll_until([&] { return boot_clock()->now() > late; }));
        guard.reset();
        EXPECT_TRUE(make("other:1").acquire("key", {.wait_timeout = 10s}));
    }
}

TEST_F(BlockingManagers, StopTokenEndsACallThatHangs) {
    LockManager manager = make("first:1");
    hang();
    std::stop_source stop;
    std::error_code ec;
    auto call = std::async(std::launch::async, [&] {
        (void)manager.acquire("hangs", {.wait_timeout = forever}, stop.get_token(), ec);
    });
    ASSERT_TRUE(is_hanging());
    stop.request_stop();
    EXPECT_EQ(call.wait_for(10 * 50ms + 1s), std::future_status::ready);
    call.get();
    EXPECT_EQ(ec, Errc::cancelled);
}

TEST_F(BlockingManagers, LocksOfOtherKeysAreRenewedWhileACallHangs) {
    LockManager manager = make("first:1");
    const auto held = manager.acquire("key", {.ttl = 600ms});
    const auto stuck = manager.acquire("hangs", {.ttl = 600ms});
    ASSERT_TRUE(held.has_value() && stuck.has_value());
    hang();
    ASSERT_TRUE(is_hanging()) << "the renewal of the other";
    const auto renewed = manager.stats().renewed;
    EXPECT_TRUE(poll_until([&] { return manager.stats().renewed >= renewed + 3; }));
    EXPECT_TRUE(held->owns_lock());
    EXPECT_TRUE(poll_until([&] { return !stuck->owns_lock(); })) << "it was not renewed";
}

TEST_F(BlockingManagers, LockThatWasGrantedTooLateIsGivenBack) {
    LockManager manager = make("first:1");
    hang();
    std::stop_source stop;
    std::error_code ec;
    auto call = std::async(std::launch::async, [&] {
        (void)manager.acquire("hangs", {.ttl = 1h, .wait_timeout = forever}, stop.get_token(), ec);
    });
    ASSERT_TRUE(is_hanging());
    stop.request_stop();
    call.get();
    LockManager other = make("other:2");
    go_on();
    EXPECT_TRUE(poll_until([&] { return granted(other.acquire("hangs")); }));
}

// What must not run in a copy of the process: the client's connection is the parent's.
class Ending final : public BlockingStore {
  public:
    explicit Ending(std::atomic<bool>& ended) : ended_{ended} {}
    ~Ending() override { ended_ = true; }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;
    Reply acquire(const Request& what) override { return store_.acquire(what); }
    Reply renew(const Request& what) override { return store_.renew(what); }
    Reply release(const Request& what) override { return store_.release(what); }
    Reply inspect(const Request& what) override { return store_.inspect(what); }

  private:
    std::atomic<bool>& ended_;
    MapStore store_;
};

TEST(BlockingCopies, CopyOfTheBackendAnswersForkedAndTouchesNothing) {
    std::atomic<bool> ended{false};
    auto backend = std::make_unique<BlockingBackend>(std::make_unique<Ending>(ended));
    Operation before{{.verb = Verb::inspect, .key = "key"}};
    backend->submit(before);
    ASSERT_TRUE(poll_until([&] { return before.done(); }));
    const std::string said = support::in_copy(support::Copying::fork, [&] {
        support::Findings findings;
        Operation operation{{.verb = Verb::acquire, .key = "key", .token = "t", .ttl = 1h}};
        backend->submit(operation);
        findings.expect(operation.done(), "it is not answered");
        findings.expect(operation.reply.error == Errc::forked, "it is not refused");
        Operation cancelled{{.verb = Verb::inspect, .key = "key"}};
        backend->cancel(cancelled);
        findings.expect(cancelled.reply.error == Errc::forked, "a cancelled one is not refused");
        std::vector<Finding> examined;
        try {
            backend->examine(examined);
            findings.expect(false, "it is examined");
        } catch (const LockError& error) {
            findings.expect(error.code() == Errc::forked, "examine says something else");
        }
        backend.reset();
        findings.expect(!ended, "the client was ended");
        return findings.text();
    });
    EXPECT_EQ(said, "");
    backend.reset();
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace leaselock
