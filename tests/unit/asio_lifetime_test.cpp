// Goal: whoever goes first, context, manager or guard, nothing is used that is gone, no handler is
// lost or runs twice, and no lock stays with nobody. Method: contexts and managers that are
// destroyed while coroutines and handlers wait, and while they are granted what they wait for.
// Built for asio and for Boost.Asio, and run under sanitizers.
#include <thread>

#include <leaselock/testing/detail/granted.hpp>

#include "support/process_copy.hpp"
#include "unit/asio_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using net::use_awaitable;

using AsioLifetime = AsioWorld;

constexpr LockOptions patient{.wait_timeout = forever};

TEST_F(AsioLifetime, ContextThatIsDestroyedDestroysItsHandlersAndGivesTheirLocksUp) {
    auto held = locks_.acquire("key");
    const auto alive = std::make_shared<int>(0);
    std::atomic<int> called{0};
    async_acquire(locks_, "key", patient,
                  here([&, alive](const std::exception_ptr&, const Lock&) { ++called; }));
    net::co_spawn(
        *context_,
        [&, alive]() -> net::awaitable<void> {
            const auto lock = co_await async_acquire(locks_, "key", patient, use_awaitable);
            ++called;
        },
        net::detached);
    context_->poll();
    ASSERT_TRUE(asked(2));
    EXPECT_GT(alive.use_count(), 1);
    context_.reset();
    EXPECT_EQ(alive.use_count(), 1);
    held->release();
    EXPECT_TRUE(free_soon());
    EXPECT_EQ(called, 0);
}

TEST_F(AsioLifetime, WaitOfADestroyedContextIsEnded) {
    const auto held = locks_.acquire("key");
    async_acquire(locks_, "key", patient, here([](const std::exception_ptr&, const Lock&) {}));
    ASSERT_TRUE(asked(2));
    context_.reset();
    EXPECT_TRUE(poll_until([&] { return locks_.stats().contended == 1; }));
}

TEST_F(AsioLifetime, HandlersOfTheParentStayWhereTheyAreInAChild) {
    auto held = locks_.acquire("key");
    const auto alive = std::make_shared<int>(0);
    std::atomic<int> called{0};
    async_acquire(locks_, "key", patient,
                  here([&, alive](const std::exception_ptr&, const Lock&) { ++called; }));
    ASSERT_TRUE(asked(2));
    EXPECT_EQ(in_copy(support::Copying::fork,
                      [&] {
                          support::Findings found;
                          context_.reset();
                          found.expect(called == 0, "called");
                          found.expect(alive.use_count() > 1, "destroyed");
                          return found.text();
                      }),
              "");
    held->release();
    EXPECT_TRUE(poll_until([&] {
        context_->restart();
        context_->poll();
        return called == 1;
    }));
}

// The parent has used the context before, and has no thread yet: so the child may have some.
TEST_F(AsioLifetime, ContextThatIsToldOfAForkGoesOnInTheChild) {
    async_acquire(locks_, "", {}, here([](const std::exception_ptr&, const Lock&) {}));
    context_->poll();
    EXPECT_EQ(in_copy(support::Copying::fork,
                      [&] {
                          support::Findings found;
                          context_->notify_fork(net::execution_context::fork_child);
                          LockManager own;
                          const auto held = own.acquire("key");
                          const auto alive = std::make_shared<int>(0);
                          async_acquire(own, "key", patient,
                                        here([alive](const std::exception_ptr&, const Lock&) {}));
                          found.expect(poll_until([&] { return own.inspect("key").waiting == 1; }),
                                       "none");
                          context_.reset();
                          found.expect(alive.use_count() == 1, "the handler is there still");
                          return found.text();
                      }),
              "");
}

TEST_F(AsioLifetime, CallThatBeginsWhileItsContextIsDestroyedIsGivenUp) {
    const auto held = locks_.acquire("key");
    const auto alive = std::make_shared<int>(0);
    const auto again = [&, executor = context_->get_executor()](const void*) {
        async_acquire(
            locks_, "key", patient,
            net::bind_executor(executor, [alive](const std::exception_ptr&, const Lock&) {}));
    };
    async_acquire(locks_, "key", patient,
                  here([last = std::shared_ptr<const void>{nullptr, again}](
                           const std::exception_ptr&, const Lock&) {}));
    ASSERT_TRUE(asked(2));
    context_.reset();
    EXPECT_EQ(alive.use_count(), 1);
    EXPECT_TRUE(poll_until([&] { return locks_.stats().contended == 2; }));
}

TEST_F(AsioLifetime, GrantThatMeetsADestroyedContextIsReleased) {
    for (int i = 0; i < 300; ++i) {
        auto held = locks_.acquire("key", {.wait_timeout = 20s});
        ASSERT_TRUE(held);
        context_.emplace();
        async_acquire(locks_, "key", patient, here([](const std::exception_ptr&, const Lock&) {}));
        std::thread releases{[&] { held->release(); }};
        context_.reset();
        releases.join();
    }
    EXPECT_TRUE(locks_.acquire("key", {.wait_timeout = 20s}));
}

TEST_F(AsioLifetime, RunThatEndsMayDestroyItsContextAtOnce) {
    for (int i = 0; i < 300; ++i) {
        context_.emplace();
        int served = 0;
        auto lock = locks_.acquire("key", {.wait_timeout = 20s});
        async_release(*lock, here([&](ReleaseResult) { ++served; }));
        context_->run();
        context_.reset();
        EXPECT_EQ(served, 1);
    }
}

TEST_F(AsioLifetime, StoppedContextKeepsTheLockUntilItIsDestroyed) {
    async_acquire(locks_, "key", {}, here([](const std::exception_ptr&, const Lock&) {}));
    ASSERT_TRUE(poll_until([&] { return locks_.stats().acquired == 1; }));
    EXPECT_FALSE(granted(locks_.try_acquire("key")));
    context_.reset();
    EXPECT_TRUE(free_soon());
}

TEST_F(AsioLifetime, ReleaseGoesOnWithoutItsContext) {
    auto lock = locks_.acquire("key");
    async_release(*lock, here([](ReleaseResult) {}));
    context_.reset();
    EXPECT_TRUE(free_soon());
}

// The least that is an executor: it tells no context that could be destroyed.
struct Queue {
    std::mutex mutex{};
    std::deque<std::function<void()>> tasks{};
};
struct QueueExecutor {
    Queue* queue;
    template <class Task>
    void execute(Task task) const {
        const std::lock_guard lock{queue->mutex};
        queue->tasks.emplace_back([task = std::make_shared<Task>(std::move(task))] { (*task)(); });
    }
    [[nodiscard]] QueueExecutor require(net::execution::blocking_t::never_t) const noexcept {
        return *this;
    }
    bool operator==(const QueueExecutor&) const = default;
};

TEST_F(AsioLifetime, ExecutorWithoutAContextIsHandedTheHandler) {
    Queue queue;
    bool got = false;
    async_acquire(
        locks_, "key", {},
        net::bind_executor(QueueExecutor{&queue}, [&](const std::exception_ptr&, const Lock& lock) {
            got = lock.has_value();
        }));
    ASSERT_TRUE(poll_until([&] {
        const std::lock_guard lock{queue.mutex};
        return queue.tasks.size() == 1;
    }));
    queue.tasks.front()();
    EXPECT_TRUE(got);
}

TEST_F(AsioLifetime, ManagerThatGoesAwayEndsItsWaitsWithNothing) {
    const auto held = locks_.acquire("key");
    std::optional<LockManager> other{make()};
    std::optional<bool> got;
    async_acquire(*other, "key", patient,
                  here([&](const std::exception_ptr& failure, const Lock& lock) {
                      EXPECT_FALSE(failure);
                      got = lock.has_value();
                  }));
    ASSERT_TRUE(asked(2));
    other.reset();
    context_->run();
    EXPECT_EQ(got, false);
}

TEST_F(AsioLifetime, ManagerThatGoesAwayInAHandlerEndsTheOtherWaits) {
    const auto held = locks_.acquire("key");
    std::optional<LockManager> other{make()};
    int ended = 0;
    for (int i = 0; i < 3; ++i) {
        async_acquire(*other, "key", patient,
                      here([&](const std::exception_ptr&, const Lock&) { ++ended; }));
    }
    async_acquire(*other, "free", {},
                  here([&](const std::exception_ptr&, const Lock&) { other.reset(); }));
    context_->run();
    EXPECT_EQ(ended, 3);
}

TEST_F(AsioLifetime, GuardThatOutlivesItsManagerIsReleasedAllTheSame) {
    std::optional<LockManager> other{make()};
    auto lock = other->acquire("key");
    other.reset();
    bool done = false;
    async_release(*lock, here([&](ReleaseResult) { done = true; }));
    EXPECT_FALSE(done);
    context_->run();
    EXPECT_TRUE(done);
    EXPECT_TRUE(locks_.acquire("key"));
}

}  // namespace
}  // namespace leaselock
