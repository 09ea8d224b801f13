#include "engine/timed_task.hpp"

#include <algorithm>
#include <chrono>

namespace leaselock::engine {

using detail::MutexLock;

void TimedTask::start() {
    {
        const MutexLock lock{mutex_};
        if (engine_ != nullptr) return;
        engine_ = Engine::shared_with(*this);
    }
    // So that a clock of tests knows of the first step before it is done.
    (void)clock_.set_alarm(*this, Clock::time_point::max());
    ring();
}

bool TimedTask::is_started() const noexcept {
    const MutexLock lock{mutex_};
    return engine_ != nullptr;
}

void TimedTask::stop() noexcept {
    std::shared_ptr<Engine> engine;
    {
        const MutexLock lock{mutex_};
        engine.swap(engine_);
    }
    if (engine == nullptr) return;
    engine->remove(*this);
    clock_.forget(*this);
}

void TimedTask::ring() noexcept {
    const MutexLock lock{mutex_};
    ++rings_;
    is_at_rest_ = false;
    if (engine_ != nullptr) engine_->ring(*this);
}

bool TimedTask::is_at_rest() const noexcept {
    const MutexLock lock{mutex_};
    return is_at_rest_;
}

void TimedTask::step(Clock::time_point /*now*/) noexcept {
    std::uint64_t seen = 0;
    {
        const MutexLock lock{mutex_};
        seen = rings_;
        is_at_rest_ = false;
    }
    wait_until(work());
    const MutexLock lock{mutex_};
    is_at_rest_ = seen == rings_;
}

// A clock that cannot ring may be moved by hand: it is asked again and again.
void TimedTask::wait_until(Clock::time_point when) noexcept {
    constexpr std::chrono::milliseconds pause{50};
    if (clock_.set_alarm(*this, when)) return;
    if (&clock_ != boot_clock().get()) when = std::min(when, clock_.now() + pause);
    const MutexLock lock{mutex_};
    if (engine_ != nullptr) engine_->ring_at(*this, when, clock_);
}

}  // namespace leaselock::engine
