// A task of the engine that lives by a clock which need not be the engine's: each step says when
// the next one is due, on that clock, and it may be rung before.
//
// Thread-safety: ring() and is_at_rest() from all threads at once, at any time; start() and stop()
// by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>

#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "engine/engine.hpp"

namespace leaselock::engine {

class TimedTask : private Engine::Task, public Alarm {
  public:
    TimedTask(const TimedTask&) = delete;
    TimedTask& operator=(const TimedTask&) = delete;
    // Not before stop().
    ~TimedTask() override = default;

    void ring() noexcept final;
    // No step is due or under way.
    [[nodiscard]] bool is_at_rest() const noexcept final;

  protected:
    explicit TimedTask(Clock& clock) noexcept : clock_{clock} {}
    // From now on it is a task of the engine, and its first step is due. Throws as
    // Engine::shared_with(). Again changes nothing.
    void start();
    [[nodiscard]] bool is_started() const noexcept;
    // No step begins any more, and none is under way when this returns; not for a step.
    void stop() noexcept;

    // On the engine's thread, with nothing locked; must not block. Answers when the next step is
    // due, if nobody rings before.
    virtual Clock::time_point work() noexcept = 0;

  private:
    void step(Clock::time_point now) noexcept final;
    void wait_until(Clock::time_point when) noexcept;

    Clock& clock_;
    mutable detail::Mutex mutex_;
    std::shared_ptr<Engine> engine_ LEASELOCK_GUARDED_BY(mutex_);
    std::uint64_t rings_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    bool is_at_rest_ LEASELOCK_GUARDED_BY(mutex_) = false;
};

}  // namespace leaselock::engine
