#include "core/notifier.hpp"

#include <new>
#include <utility>

#include "base/threads.hpp"
#include "core/lease.hpp"
#include "core/unset_default.hpp"

namespace leaselock::detail {
namespace {

constexpr std::size_t most_events = 65'536;

}  // namespace

Notifier::Notifier(std::shared_ptr<Clock> clock, std::shared_ptr<Observer> observer)
    : clock_{std::move(clock)}, observer_{std::move(observer)} {}

bool Notifier::start(const std::shared_ptr<Notifier>& self) {
    const MutexLock lock{self->mutex_};
    if (self->stopping_) return false;
    if (self->thread_.joinable()) return true;
    if (!start_thread(self->thread_, [self] { self->run(); })) return false;
    self->clock_->thread_begins(self->waker_);
    return true;
}

void Notifier::stop(Clock::time_point deadline) noexcept {
    std::thread thread;
    {
        const MutexLock lock{mutex_};
        stopping_ = true;
        thread.swap(thread_);
    }
    if (!thread.joinable()) return;
    waker_.wake();
    if (thread.get_id() != std::this_thread::get_id()) clock_->sleep_until(deadline, done_);
    // Its last few steps are over when it is joined: a plugin may be unloaded then.
    if (has_ended_) return thread.join();
    thread.detach();
}

[[gnu::noinline]] void LossWatchDrop::operator()(LossWatch* watch) const noexcept {
    watch->notifier.forget(*watch);
    delete watch;
}

void Notifier::watch(Lease& lease) {
    std::unique_ptr<LossWatch, LossWatchDrop> watch{new LossWatch{*this, lease}};
    const MutexLock lock{mutex_};
    const Clock::time_point due = lease.deadline();
    watches_.add(*watch, due);
    watch->listed = true;
    lease.watch = std::move(watch);
    if (due < next_check_) waker_.wake();
}

bool Notifier::pass_on(LossWatch& watch, const std::stop_source& to) {
    const MutexLock lock{mutex_};
    if (watch.listed) watch.others.push_back(to);
    return watch.listed;
}

[[gnu::noinline]] void Notifier::forget(LossWatch& watch) noexcept {
    const MutexLock lock{mutex_};
    if (watch.listed) unlist(watch);
}

void Notifier::unlist(LossWatch& watch) noexcept {
    watches_.remove(watch);
    watch.listed = false;
}

void Notifier::check(const Lease& lease) noexcept {
    const MutexLock lock{mutex_};
    LossWatch* const watch = lease.watch.get();
    if (watch == nullptr || !watch->listed) return;
    const Clock::time_point due = lease.deadline();
    watches_.move(*watch, due);
    if (due < next_check_) waker_.wake();
}

void Notifier::tell(Tell what, LockEvent event) noexcept {
    if (observer_ == nullptr) return;
    {
        const MutexLock lock{mutex_};
        try {
            if (events_.size() >= most_events || stopping_) throw std::bad_alloc{};
            if (const LockEvent* const unset = unset_default(); unset != nullptr && !told_unset_) {
                events_.push_back({&Observer::on_default_unset, *unset});
                told_unset_ = true;
            }
            events_.push_back({what, std::move(event)});
        } catch (const std::bad_alloc&) {
            ++dropped_;
        }
    }
    waker_.wake();
}

std::uint64_t Notifier::dropped() const noexcept {
    const MutexLock lock{mutex_};
    return dropped_;
}

// Losses go before events: somebody may have to stop working.
void Notifier::run() noexcept {
    mutex_.lock();
    for (;;) {
        next_check_ = Clock::time_point::max();
        if (fire_next() || tell_next()) continue;
        if (stopping_) break;
        const Clock::time_point next = watches_.due();
        next_check_ = next;
        const MutexUnlock unlocked{mutex_};
        clock_->sleep_until(next, waker_);
    }
    mutex_.unlock();
    clock_->thread_ends(waker_);
    has_ended_ = true;
    done_.wake();
}

// A lease that is asked here and has ended is ended for good, so nothing that was reported as lost
// is renewed by an answer that comes at this moment.
bool Notifier::fire_next() {
    const Clock::time_point now = clock_->now();
    while (!watches_.empty() && watches_.due() <= now) {
        LossWatch& first = watches_.first();
        if (first.lease->held()) {
            watches_.move(first, first.lease->deadline());
            continue;
        }
        std::stop_source source = first.source;  // the watch may go away
        std::vector<std::stop_source> others = std::move(first.others);
        unlist(first);
        const MutexUnlock unlocked{mutex_};
        source.request_stop();
        for (std::stop_source& each : others) each.request_stop();
        return true;
    }
    return false;
}

bool Notifier::tell_next() {
    if (events_.empty()) return false;
    const Event next = std::move(events_.front());
    events_.pop_front();
    const MutexUnlock unlocked{mutex_};
    try {
        ((*observer_).*next.what)(next.event);
    } catch (...) {
        // An observer's trouble is its own.
    }
    return true;
}

}  // namespace leaselock::detail
