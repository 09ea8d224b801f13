#include "engine/engine.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <new>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utility>

#include <leaselock/error.hpp>

#include "base/threads.hpp"

namespace leaselock::engine {
namespace {

using base::Descriptor;
using detail::MutexLock;
using detail::MutexUnlock;

// Events of our own: no task has these.
constexpr std::uint64_t bell_event = ~std::uint64_t{0};
constexpr std::uint64_t timer_event = bell_event - 1;

constexpr std::uint64_t event_of(std::uint32_t slot, std::uint32_t uses) noexcept {
    return std::uint64_t{uses} << 32U | slot;
}

bool control(const Descriptor& epoll, int operation, int fd, std::uint32_t events,
             std::uint64_t what) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = what;
    return ::epoll_ctl(epoll.get(), operation, fd, &event) == 0;
}

void drain(const Descriptor& fd) noexcept {
    std::uint64_t count = 0;
    (void)!::read(fd.get(), &count, sizeof count);
}

// Where the engine of this process is. A child's first call makes one of its own, since the mutex
// of the parent's may be locked for ever there.
struct Registry {
    const detail::Origin origin{};
    detail::Mutex mutex;
    std::weak_ptr<Engine> engine LEASELOCK_GUARDED_BY(mutex){};
};

Registry& registry() {
    static constinit std::atomic<Registry*> here{nullptr};
    Registry* found = here.load();
    while (found == nullptr || found->origin.is_in_child()) {
        auto fresh = std::make_unique<Registry>();
        if (here.compare_exchange_strong(found, fresh.get())) return *fresh.release();
    }
    return *found;
}

}  // namespace

std::shared_ptr<Engine> Engine::shared() {
    Registry& all = registry();
    const MutexLock lock{all.mutex};
    std::shared_ptr<Engine> engine = all.engine.lock();
    if (engine == nullptr) {
        engine.reset(new Engine, end);
        if (!detail::start_thread(engine->thread_, [raw = engine.get()] { raw->run(); })) {
            throw LockError(Errc::no_thread, "the engine: the system gives no thread");
        }
        all.engine = engine;
    }
    return engine;
}

std::shared_ptr<Engine> Engine::shared_with(Task& task) {
    std::shared_ptr<Engine> engine = shared();
    engine->add(task);
    return engine;
}

Engine::Engine()
    : epoll_{::epoll_create1(EPOLL_CLOEXEC)},
      bell_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      timer_{::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)} {
    const bool watched = epoll_ && bell_ && timer_ &&
                         control(epoll_, EPOLL_CTL_ADD, bell_.get(), EPOLLIN, bell_event) &&
                         control(epoll_, EPOLL_CTL_ADD, timer_.get(), EPOLLIN, timer_event);
    if (!watched) throw LockError(Errc::no_thread, "the engine: the system gives no descriptor");
}

void Engine::end(Engine* engine) noexcept {
    if (engine->origin_.is_in_child()) return;  // its thread and its descriptors are the parent's
    const bool is_here = engine->is_here();
    {
        const MutexLock lock{engine->mutex_};
        engine->ending_ = true;
        engine->is_alone_ = is_here;
    }
    if (is_here) {
        engine->thread_.detach();
        return;
    }
    if (engine->thread_.joinable()) {
        engine->wake();
        engine->thread_.join();
    }
    delete engine;
}

void Engine::add(Task& task) {
    const MutexLock lock{mutex_};
    if (free_slots_.empty()) {
        timed_.reserve(slots_.size() + 1);
        free_slots_.reserve(slots_.size() + 1);
        slots_.emplace_back();
        task.slot_ = static_cast<std::uint32_t>(slots_.size() - 1);
    } else {
        task.slot_ = free_slots_.back();
        free_slots_.pop_back();
    }
    slots_[task.slot_].task = &task;
    task.is_added_ = true;
}

void Engine::remove(Task& task) noexcept {
    const MutexLock lock{mutex_};
    if (!task.is_added_) return;
    if (task.fd_ >= 0) {
        (void)control(epoll_, EPOLL_CTL_DEL, std::exchange(task.fd_, -1), 0, 0);
    }
    task.is_added_ = false;
    slots_[task.slot_].task = nullptr;
    ++slots_[task.slot_].uses;
    free_slots_.push_back(task.slot_);  // there is room since add()
    forget_time(task);
    if (std::exchange(task.is_ready_, false)) {
        Task* before = nullptr;
        for (Task* each = first_ready_; each != &task; each = each->next_) before = each;
        (before != nullptr ? before->next_ : first_ready_) = task.next_;
        if (last_ready_ == &task) last_ready_ = before;
    }
    if (is_here()) return;
    ++removers_;
    while (stepping_ == &task) stepped_.wait(mutex_);
    --removers_;
}

void Engine::ring(Task& task) noexcept {
    bool asleep = false;
    {
        const MutexLock lock{mutex_};
        make_ready(task);
        asleep = must_wake();
    }
    if (asleep) wake();
}

void Engine::ring_at(Task& task, Clock::time_point when) noexcept {
    const MutexLock lock{mutex_};
    if (!task.is_added_) return;
    if (when == Clock::time_point::max()) {
        forget_time(task);
    } else if (task.is_timed_) {
        timed_.move(task, when);
    } else {
        timed_.add(task, when);  // there is room since add()
        task.is_timed_ = true;
    }
    // While the thread is awake it sets the timer itself, before it sleeps.
    if (asleep_ && timed_.due() < timer_set_) set_timer(timed_.due());
}

bool Engine::watch(Task& task, int fd) noexcept {
    const MutexLock lock{mutex_};
    const Slot& slot = slots_[task.slot_];
    if (!control(epoll_, EPOLL_CTL_ADD, fd, EPOLLONESHOT, event_of(task.slot_, slot.uses))) {
        return false;
    }
    task.fd_ = fd;
    return true;
}

void Engine::await(Task& task, bool readable, bool writable) noexcept {
    const MutexLock lock{mutex_};
    if (task.fd_ < 0) return;
    const std::uint32_t events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
    (void)control(epoll_, EPOLL_CTL_MOD, task.fd_, events | EPOLLONESHOT,
                  event_of(task.slot_, slots_[task.slot_].uses));
}

void Engine::unwatch(Task& task) noexcept {
    const MutexLock lock{mutex_};
    if (task.fd_ < 0) return;
    (void)control(epoll_, EPOLL_CTL_DEL, std::exchange(task.fd_, -1), 0, 0);
}

void Engine::make_ready(Task& task) noexcept {
    if (!task.is_added_ || std::exchange(task.is_ready_, true)) return;
    task.next_ = nullptr;
    (last_ready_ != nullptr ? last_ready_->next_ : first_ready_) = &task;
    last_ready_ = &task;
}

void Engine::forget_time(Task& task) noexcept {
    if (std::exchange(task.is_timed_, false)) timed_.remove(task);
}

bool Engine::must_wake() noexcept { return std::exchange(asleep_, false); }

void Engine::wake() noexcept {
    const std::uint64_t one = 1;
    (void)!::write(bell_.get(), &one, sizeof one);
}

// A time that has passed rings at once; 0 would switch the timer off.
void Engine::set_timer(Clock::time_point due) noexcept {
    timer_set_ = due;
    itimerspec spec{};
    if (due != Clock::time_point::max()) {
        const auto since = std::max(due.time_since_epoch(), Clock::duration{1});
        spec.it_value.tv_sec = static_cast<time_t>(since.count() / 1'000'000'000);
        spec.it_value.tv_nsec = static_cast<long>(since.count() % 1'000'000'000);
    }
    (void)::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Engine::run() noexcept {
    mutex_.lock();
    while (!ending_) {
        const Clock::time_point now = clock_->now();
        collect(now);
        while (first_ready_ != nullptr) step_next(now);
        wait();
    }
    const bool is_alone = is_alone_;
    mutex_.unlock();
    if (is_alone) delete this;
}

void Engine::collect(Clock::time_point now) noexcept {
    while (timed_.due() <= now && !timed_.empty()) {
        Task& task = timed_.first();
        forget_time(task);
        make_ready(task);
    }
}

void Engine::step_next(Clock::time_point now) noexcept {
    Task& task = *first_ready_;
    first_ready_ = task.next_;
    if (first_ready_ == nullptr) last_ready_ = nullptr;
    task.is_ready_ = false;
    stepping_ = &task;
    {
        const MutexUnlock unlocked{mutex_};
        task.step(now);
    }
    stepping_ = nullptr;  // the task may be gone
    if (removers_ != 0) stepped_.notify_all();
}

// A timer that is early costs a round; so it is set later only once it has rung.
void Engine::wait() noexcept {
    if (ending_ || first_ready_ != nullptr) return;
    const Clock::time_point due = timed_.due();
    if (due < timer_set_) set_timer(due);
    asleep_ = true;
    std::array<epoll_event, 64> events;
    int count = 0;
    {
        const MutexUnlock unlocked{mutex_};
        count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    }
    asleep_ = false;
    for (int i = 0; i < count; ++i) ready_by(events[static_cast<std::size_t>(i)].data.u64);
}

void Engine::ready_by(std::uint64_t event) noexcept {
    if (event == bell_event) {
        drain(bell_);
    } else if (event == timer_event) {
        drain(timer_);
        timer_set_ = Clock::time_point::max();
    } else {
        const Slot& slot = slots_[static_cast<std::uint32_t>(event)];
        if (slot.task != nullptr && slot.uses == event >> 32U) make_ready(*slot.task);
    }
}

}  // namespace leaselock::engine
