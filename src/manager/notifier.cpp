#include "manager/notifier.hpp"

#include <algorithm>
#include <new>
#include <system_error>

#include "manager/lease.hpp"
#include "threads.hpp"

namespace leaselock::detail {
namespace {

constexpr std::size_t most_events = 65'536;

}  // namespace

Notifier::Notifier(std::shared_ptr<Clock> clock, std::shared_ptr<Observer> observer)
    : clock_{std::move(clock)}, observer_{std::move(observer)} {}

bool Notifier::start(const std::shared_ptr<Notifier>& self) {
    const MutexLock lock{self->mutex_};
    if (self->thread_.joinable() || self->stopping_) return true;
    return start_thread(self->thread_, [self] { self->run(); });
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
    thread.detach();
}

void Notifier::watch(Watch& watch) {
    const MutexLock lock{mutex_};
    watches_.push_back(&watch);
    watch.place = watches_.size() - 1;
    if (watch.lease->deadline() < next_look_) waker_.wake();
}

void Notifier::forget(Watch& watch) noexcept {
    const MutexLock lock{mutex_};
    unlist(watch);
}

void Notifier::unlist(Watch& watch) noexcept {
    if (watch.place == Watch::nowhere) return;
    watches_[watch.place] = watches_.back();
    watches_[watch.place]->place = watch.place;
    watches_.pop_back();
    watch.place = Watch::nowhere;
}

void Notifier::tell(Tell what, LockEvent event) noexcept {
    if (observer_ == nullptr) return;
    {
        const MutexLock lock{mutex_};
        try {
            if (events_.size() >= most_events || stopping_) throw std::bad_alloc{};
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
        next_look_ = Clock::time_point::max();
        if (fire_next() || tell_next()) continue;
        if (stopping_) break;
        Clock::time_point next = Clock::time_point::max();
        for (const Watch* each : watches_) next = std::min(next, each->lease->deadline());
        next_look_ = next;
        const MutexUnlock unlocked{mutex_};
        clock_->sleep_until(next, waker_);
    }
    mutex_.unlock();
    done_.wake();
}

bool Notifier::fire_next() {
    const Clock::time_point now = clock_->now();
    const auto due = std::find_if(watches_.begin(), watches_.end(), [now](const Watch* each) {
        return each->lease->deadline() <= now;
    });
    if (due == watches_.end()) return false;
    std::stop_source source = (*due)->source;  // the watch may go away
    unlist(**due);
    const MutexUnlock unlocked{mutex_};
    source.request_stop();
    return true;
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
