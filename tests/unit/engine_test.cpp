// Goal: the engine runs a task's steps when it is rung, when its time has come and when its
// descriptor is ready, one at a time and never after remove(); it ends with its last user.
// Method: real tasks on the real engine; what they did is read through promises and counters.
#include "engine/engine.hpp"

#include <atomic>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

#include "support/poll_until.hpp"

namespace leaselock::engine {
namespace {

using namespace std::chrono_literals;

class Task final : public Engine::Task {
  public:
    explicit Task(
        Engine& engine, std::function<void()> what = [] {})
        : engine_{engine}, what_{std::move(what)} {
        engine_.add(*this);
    }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() override { engine_.remove(*this); }

    [[nodiscard]] int steps() const noexcept { return steps_; }

  private:
    void step(Clock::time_point /*now*/) noexcept override {
        what_();
        ++steps_;
    }

    Engine& engine_;
    const std::function<void()> what_;
    std::atomic<int> steps_{0};
};

class EngineTest : public ::testing::Test {
  protected:
    const std::shared_ptr<Engine> engine_ = Engine::shared();
};

TEST_F(EngineTest, IsOneForAllOfAProcess) { EXPECT_EQ(Engine::shared(), engine_); }

TEST_F(EngineTest, StepsOnItsThreadWhenItIsRung) {
    std::promise<bool> here;
    Task task{*engine_, [&] { here.set_value(engine_->is_here()); }};
    engine_->ring(task);
    EXPECT_TRUE(here.get_future().get());
    EXPECT_FALSE(engine_->is_here());
}

TEST_F(EngineTest, TwoRingsBeforeAStepAreOne) {
    std::promise<void> go;
    Task blocks{*engine_, [&] { go.get_future().wait(); }};
    Task task{*engine_};
    std::promise<void> over;
    Task last{*engine_, [&] { over.set_value(); }};
    engine_->ring(blocks);
    engine_->ring(task);
    engine_->ring(task);
    engine_->ring(last);
    go.set_value();
    over.get_future().wait();
    EXPECT_EQ(task.steps(), 1);
}

TEST_F(EngineTest, StepsAtATimeAndNotBefore) {
    const auto clock = boot_clock();
    std::promise<Clock::time_point> stepped;
    Task task{*engine_, [&] { stepped.set_value(clock->now()); }};
    const Clock::time_point when = clock->now() + 20ms;
    engine_->ring_at(task, when);
    EXPECT_GE(stepped.get_future().get(), when);
}

TEST_F(EngineTest, ANewTimeReplacesTheFormer) {
    const auto clock = boot_clock();
    std::promise<void> stepped;
    Task late{*engine_, [&] { stepped.set_value(); }};
    Task never{*engine_};
    engine_->ring_at(late, clock->now() + 1h);
    engine_->ring_at(never, clock->now() + 1ms);
    engine_->ring_at(never, Clock::time_point::max());
    engine_->ring_at(late, clock->now() + 5ms);
    stepped.get_future().wait();
    EXPECT_EQ(never.steps(), 0);
}

TEST_F(EngineTest, StepsOnceForEachTimeThatADescriptorIsAwaited) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const base::Descriptor reads{ends[0]};
    const base::Descriptor writes{ends[1]};
    Task task{*engine_};
    ASSERT_TRUE(engine_->watch(task, reads.get()));
    ASSERT_EQ(::write(writes.get(), "x", 1), 1);
    EXPECT_EQ(task.steps(), 0);
    for (int i = 1; i <= 3; ++i) {
        engine_->await(task, true, false);
        EXPECT_TRUE(support::poll_until([&] { return task.steps() == i; }));
    }
    engine_->unwatch(task);
    engine_->await(task, true, false);
    std::promise<void> over;
    Task last{*engine_, [&] { over.set_value(); }};
    engine_->ring(last);
    over.get_future().wait();
    EXPECT_EQ(task.steps(), 3);
}

TEST_F(EngineTest, RemoveWaitsForTheStepThatIsUnderWay) {
    std::promise<void> begun;
    std::promise<void> go;
    std::atomic<bool> over{false};
    Task task{*engine_, [&] {
                  begun.set_value();
                  go.get_future().wait();
                  over = true;
              }};
    engine_->ring(task);
    begun.get_future().wait();
    std::thread lets_go{[&] { go.set_value(); }};
    engine_->remove(task);
    EXPECT_TRUE(over);
    lets_go.join();
}

TEST_F(EngineTest, AStepMayRemoveItsOwnTask) {
    std::promise<void> removed;
    Engine::Task* self = nullptr;
    Task task{*engine_, [&] {
                  engine_->remove(*self);
                  removed.set_value();
              }};
    self = &task;
    engine_->ring(task);
    removed.get_future().wait();
    engine_->ring(task);
    std::promise<void> over;
    Task last{*engine_, [&] { over.set_value(); }};
    engine_->ring(last);
    over.get_future().wait();
    EXPECT_EQ(task.steps(), 1);
}

TEST_F(EngineTest, WhatIsRemovedWhileItIsReadyDoesNotStep) {
    std::promise<void> go;
    Task blocks{*engine_, [&] { go.get_future().wait(); }};
    Task first{*engine_};
    Task second{*engine_};
    std::promise<void> over;
    Task last{*engine_, [&] { over.set_value(); }};
    for (Task* const each : {&blocks, &first, &second, &last}) engine_->ring(*each);
    engine_->remove(second);
    engine_->remove(first);
    go.set_value();
    over.get_future().wait();
    EXPECT_EQ(first.steps() + second.steps(), 0);
}

TEST(EngineEnd, ThreadIsJoinedWithTheLastUser) {
    std::atomic<bool> ended{false};
    // NOLINTNEXTLINE(cppcoreguidelines-special-member-functions): never copied
    struct AtEnd {
        std::atomic<bool>* ended = nullptr;
        ~AtEnd() {
            if (ended != nullptr) *ended = true;
        }
    };
    std::shared_ptr<Engine> engine = Engine::shared();
    std::promise<void> stepped;
    {
        Task task{*engine, [&] {
                      thread_local AtEnd at_end;
                      at_end.ended = &ended;
                      stepped.set_value();
                  }};
        engine->ring(task);
        stepped.get_future().wait();
    }
    engine.reset();
    EXPECT_TRUE(ended);
}

TEST(EngineEnd, TheLastUserMayGoInAStep) {
    std::shared_ptr<Engine> engine = Engine::shared();
    Engine& raw = *engine;
    std::promise<void> gone;
    class Last final : public Engine::Task {
      public:
        Last(std::shared_ptr<Engine>& engine, std::promise<void>& gone)
            : engine_{engine}, gone_{gone} {}

      private:
        void step(Clock::time_point /*now*/) noexcept override {
            engine_->remove(*this);
            engine_.reset();
            gone_.set_value();
        }
        std::shared_ptr<Engine>& engine_;
        std::promise<void>& gone_;
    } last{engine, gone};
    raw.add(last);
    raw.ring(last);
    gone.get_future().wait();
    EXPECT_EQ(engine, nullptr);
}

}  // namespace
}  // namespace leaselock::engine
