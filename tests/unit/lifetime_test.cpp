// Goal: nothing is used after its end: neither a text of the options, nor an object that its own
// callback drops, nor a manager whose last owner goes on one of its own threads; and no destructor
// waits for a callback. Method: each is done on purpose, with a clock that stands still until it is
// moved. A text is overwritten where it lies; the rest is for the address sanitizer to see.
#include <atomic>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using Sleep = testing::ManualClock::Sleep;

constexpr LockOptions short_one{.ttl = 10s, .renewal = Renewal::off};

class Watching final : public Observer {
  public:
    void on_acquired(const LockEvent& event) override { note(event); }
    void on_lost(const LockEvent& event) override { note(event); }
    void on_released(const LockEvent& event) override { note(event); }
    void on_cleanup(const LockEvent& event) override { note(event, true); }

    // Runs at the next event of that kind, and then no more.
    void at_next(std::function<void()> what) {
        const std::lock_guard lock{mutex_};
        at_event_ = std::move(what);
    }
    void at_cleanup(std::function<void()> what) {
        const std::lock_guard lock{mutex_};
        at_cleanup_ = std::move(what);
    }
    [[nodiscard]] std::vector<std::string> templates() const {
        const std::lock_guard lock{mutex_};
        return templates_;
    }

  private:
    void note(const LockEvent& event, bool is_cleanup = false) {
        std::function<void()> first;
        std::function<void()> second;
        {
            const std::lock_guard lock{mutex_};
            templates_.push_back(event.key_template);
            first.swap(at_event_);
            if (is_cleanup) second.swap(at_cleanup_);
        }
        if (first) first();
        if (second) second();
    }

    mutable std::mutex mutex_;
    std::function<void()> at_event_;
    std::function<void()> at_cleanup_;
    std::vector<std::string> templates_;
};

class Lifetime : public ::testing::Test {
  protected:
    Lifetime() {
        manager_->register_backend("store", world_.backend);
        manager_->set_default_backend("store");
    }
    void TearDown() override { world_.backend->heal(); }

    // All events of so many, when they have come.
    [[nodiscard]] std::vector<std::string> templates(std::size_t count) const {
        EXPECT_TRUE(poll_until([&] { return watching_->templates().size() >= count; }));
        return watching_->templates();
    }

    ManagerWorld world_{Sleep::blocking};
    std::shared_ptr<Watching> watching_ = std::make_shared<Watching>();
    std::optional<LockManager> manager_{ManagerOptions{
        .owner = "me:1", .clock = world_.clock, .shutdown_timeout = 0s, .observer = watching_}};
};

const std::string of_a_key = "a template of more than fifteen bytes, {{id}}";

// A text that is another one when the call has returned.
class Overwritten {
  public:
    Overwritten() = default;
    Overwritten(const Overwritten&) = delete;
    Overwritten& operator=(const Overwritten&) = delete;
    ~Overwritten() = default;
    [[nodiscard]] LockOptions options() const { return {.ttl = 10s, .key_template = text_}; }
    void overwrite() { text_.assign(text_.size(), 'x'); }

  private:
    std::string text_ = of_a_key;
};

TEST_F(Lifetime, TemplateMayGoWhenTheCallReturns) {
    Overwritten text;
    auto lock = manager_->acquire("key", text.options());
    text.overwrite();
    world_.backend->fail_next({.error = Errc::command_timed_out});
    EXPECT_EQ(lock->release(), ReleaseResult::unknown);
    ASSERT_TRUE(poll_until([&] {
        world_.clock->advance(1s);
        return manager_->stats().cleanups_now == 0;
    }));
    EXPECT_EQ(templates(3), std::vector<std::string>(3, of_a_key)) << "acquired, released, cleanup";
}

support::Detached acquire(LockManager& manager, Overwritten& text, std::atomic<bool>& done) {
    { auto lock = co_await manager.async_acquire("coroutine", text.options()); }
    done = true;
}

TEST_F(Lifetime, TemplateIsKeptByWhateverKeepsOptions) {
    Overwritten text;
    DistributedMutex mutex{*manager_, "mutex", text.options()};
    SharedDistributedMutex shared_mutex{*manager_, "shared", text.options()};
    DistributedSemaphore semaphore{*manager_, "semaphore", 2, text.options()};
    LeaderElection election{*manager_, "election", text.options()};
    auto function = synchronized(*manager_, "function", text.options(), [] { return 7; });
    auto copy = function;
    auto moved = std::move(function);
    std::atomic<bool> done{false};
    acquire(*manager_, text, done);
    text.overwrite();
    mutex.lock();
    mutex.unlock();
    shared_mutex.lock();
    shared_mutex.unlock();
    { const auto permit = semaphore.try_acquire(); }
    { const auto lead = election.campaign(); }
    EXPECT_EQ(copy() + moved(), 14);
    ASSERT_TRUE(poll_until([&] { return done.load(); }));
    EXPECT_EQ(templates(14), std::vector<std::string>(14, of_a_key));
}

TEST_F(Lifetime, LeadershipMayGoInACallbackOfItsResignation) {
    auto lead = std::make_unique<Leadership>(manager_->acquire("leader", {.ttl = 10s}).value());
    const std::stop_callback on_end{lead->ended(), [&] { lead.reset(); }};
    EXPECT_EQ(lead->resign(), ReleaseResult::not_held) << "its destructor has released it";
    EXPECT_EQ(lead, nullptr);
    EXPECT_TRUE(manager_->try_acquire("leader"));
}

TEST_F(Lifetime, LeadershipMayGoInACallbackOfTheOneThatItReplaces) {
    auto lead = std::make_unique<Leadership>(manager_->acquire("first", {.ttl = 10s}).value());
    Leadership next{manager_->acquire("second", {.ttl = 10s}).value()};
    const std::stop_callback on_end{lead->ended(), [&] { lead.reset(); }};
    *lead = std::move(next);
    EXPECT_EQ(lead, nullptr);
    EXPECT_TRUE(manager_->try_acquire("first"));
    EXPECT_TRUE(manager_->try_acquire("second"));
}

// Pain: a service that ends its leadership under a mutex which its callback wants, too.
TEST_F(Lifetime, DestructorsWaitForNoCallback) {
    std::optional<Leadership> lead{manager_->acquire("leader", short_one).value()};
    auto all = acquire_all(*manager_, {"a", "b"}, short_one);
    auto lock = manager_->acquire("key", short_one);
    std::promise<void> go_on;
    std::atomic<int> inside{0};
    const auto gone = go_on.get_future().share();
    const auto block = [&] {
        ++inside;
        gone.wait();
    };
    const std::stop_callback first{lead->ended(), block};
    const std::stop_callback second{all->lost(), block};
    const std::stop_callback third{lock->lost(), block};
    world_.clock->advance(10s);
    ASSERT_TRUE(poll_until([&] { return inside == 1; })) << "the others wait for their turn";
    auto destroyed = std::async(std::launch::async, [&] {
        lead.reset();
        all.reset();
        lock.reset();
    });
    EXPECT_EQ(destroyed.wait_for(10s), std::future_status::ready);
    go_on.set_value();
}

// Each of these is the last owner of a manager, and goes on one of its threads.
TEST_F(Lifetime, ManagerMayGoInACallbackOfLost) {
    auto lock = manager_->acquire("key", short_one);
    std::promise<void> done;
    const std::stop_callback on_loss{lock->lost(), [&] {
                                         lock.reset();
                                         manager_.reset();
                                         done.set_value();
                                     }};
    world_.clock->advance(10s);
    EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
}

TEST_F(Lifetime, ManagerMayGoInItsObserver) {
    std::promise<void> done;
    auto lock = manager_->acquire("key", short_one);
    (void)templates(1);
    watching_->at_next([&] {
        manager_.reset();
        done.set_value();
    });
    lock.reset();
    EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
}

TEST_F(Lifetime, ManagerMayGoWhenItIsNotifiedOfACleanup) {
    std::promise<void> done;
    auto lock = manager_->acquire("key", {.ttl = 10s});
    world_.backend->fail_next({.error = Errc::command_timed_out});
    watching_->at_cleanup([&] {
        manager_.reset();
        done.set_value();
    });
    lock.reset();
    auto over = done.get_future();
    EXPECT_TRUE(poll_until([&] {
        world_.clock->advance(1s);
        return over.wait_for(0s) == std::future_status::ready;
    }));
}

TEST_F(Lifetime, ManagerMayGoInACallbackOfAsyncAcquire) {
    std::promise<void> done;
    manager_->async_acquire("key", {.ttl = 10s}, {},
                            [&](std::optional<ScopedDistributedLock> lock, std::error_code) {
                                manager_.reset();
                                lock.reset();
                                done.set_value();
                            });
    EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
}

support::Detached drop_in_a_coroutine(std::optional<LockManager>& manager,
                                      std::promise<void>& done) {
    auto lock = co_await manager->async_acquire("key", {.ttl = 10s});
    co_await lock->async_release();
    manager.reset();
    lock.reset();
    done.set_value();
}

TEST_F(Lifetime, ManagerMayGoInACoroutineThatItResumed) {
    std::promise<void> done;
    drop_in_a_coroutine(manager_, done);
    EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
}

}  // namespace
}  // namespace leaselock
