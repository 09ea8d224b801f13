#include "core/reactor.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include <leaselock/detail/blocking_call.hpp>

#include "base/threads.hpp"

namespace leaselock::detail {
namespace {

// How much earlier a wait for a time may end: a tenth of the usual pause between two polls.
constexpr std::chrono::milliseconds together{10};

}  // namespace

namespace {

// Operations that leave in one write. With more the store would wait for us while we make them, and
// we for it while it does them.
constexpr std::size_t most_together = 32;

}  // namespace

bool Reactor::start(const std::shared_ptr<Reactor>& self) {
    const MutexLock lock{self->mutex_};
    if (self->thread_.joinable() || self->stopping_) return true;
    if (!start_thread(self->thread_, [self] { self->run(); })) return false;
    self->clock_->thread_begins(self->waker_);
    return true;
}

void Reactor::stop(Clock::time_point deadline) noexcept {
    std::thread thread;
    {
        const MutexLock lock{mutex_};
        stopping_ = true;
        thread.swap(thread_);
        while (!waiting_.empty()) make_ready(waiting_.first());
    }
    if (!thread.joinable()) return;
    waker_.wake();
    if (thread.get_id() != std::this_thread::get_id()) {
        clock_->sleep_until(deadline, stopped_.get_token());
    }
    // Its last few steps are over when it is joined: a plugin may be unloaded then.
    if (stopped_.stop_requested()) return thread.join();
    thread.detach();
}

bool Reactor::add(Task& task) {
    {
        const MutexLock lock{mutex_};
        if (stopping_) return false;
        waiting_.reserve(tasks_ + 1);
        flying_.reserve(tasks_ + 1);
        ++tasks_;
        task.reactor_ = this;
        make_ready(task);
    }
    waker_.wake();
    return true;
}

WakeUp Reactor::ring(Task& task) noexcept {
    {
        const MutexLock lock{mutex_};
        if (task.state_ != Task::State::waiting) {
            // The step of the task that was woken is still to come, and sees why.
            if (task.state_ != Task::State::woken) task.rung_ = true;
            return {};
        }
        make_ready(task);
    }
    return waker_.wake();
}

// A store that works answers soon, and then the outcome is known.
WakeUp Reactor::interrupt(Task& task) noexcept {
    {
        const MutexLock lock{mutex_};
        task.interrupted_ = true;
        if (task.state_ == Task::State::flying) {
            flying_.move(task, end_of_flight(task));
            return waker_.wake();
        }
    }
    return ring(task);
}

void Reactor::abandon(Task* task) noexcept {
    if (origin_.is_in_child()) return;
    {
        const MutexLock lock{mutex_};
        if (task->state_ != Task::State::outside && task->state_ != Task::State::done) {
            task->abandoned_ = task->rung_ = true;
            if (task->state_ == Task::State::waiting) make_ready(*task);
            task = nullptr;
        }
    }
    delete task;
    waker_.wake();
}

void Reactor::make_ready(Task& task) noexcept {
    const bool waited = task.state_ == Task::State::waiting;
    if (waited) waiting_.remove(task);
    if (task.state_ == Task::State::flying) flying_.remove(task);
    task.state_ = waited ? Task::State::woken : Task::State::ready;
    task.next_ = nullptr;
    (ready_.last != nullptr ? ready_.last->next_ : ready_.first) = &task;
    ready_.last = &task;
}

// The task may be done, and gone, as soon as nothing is locked, and this object with it.
void Reactor::answered(Task& task) noexcept {
    WakeUp thread;
    const MutexLock lock{mutex_};
    make_ready(task);
    thread = waker_.wake();
}

// Trivial, so it is there until the thread ends.
thread_local bool is_reactor_thread = false;

bool Reactor::is_this_thread() noexcept { return is_reactor_thread; }

void Reactor::run() noexcept {
    is_reactor_thread = true;
    mutex_.lock();
    while (!stopping_ || tasks_ != 0) {
        collect(clock_->now());
        while (Task* const task = ready_.first) {
            ready_.first = task->next_;
            if (ready_.first == nullptr) ready_.last = nullptr;
            advance(*task);
            if (outbox_.size() >= most_together) submit();
        }
        submit();
        wait();
    }
    mutex_.unlock();
    clock_->thread_ends(waker_);
    stopped_.request_stop();
}

// What is due soon comes along with what is due now: then many that wait for a time are woken, and
// written, together. What is not answered at the end of its own time is cancelled.
void Reactor::collect(Clock::time_point now) noexcept {
    if (waiting_.due() <= now) {
        const Clock::time_point soon = saturating_add(now, together);
        while (waiting_.due() <= soon && !waiting_.empty()) make_ready(waiting_.first());
    }
    while (flying_.due() <= now && !flying_.empty()) {
        Task& task = flying_.first();
        flying_.move(task, Clock::time_point::max());
        const MutexUnlock unlocked{mutex_};
        task.backend_->cancel(*task.operation_);
    }
}

Clock::time_point Reactor::end_of_flight(const Task& task) noexcept {
    const Request& asked = task.operation_->request;
    if (!task.interrupted_) return asked.deadline;
    return std::min(asked.deadline, saturating_add(asked.submitted, patience_of_stopped));
}

void Reactor::advance(Task& task) noexcept {
    task.state_ = Task::State::stepping;
    const bool give_up = task.abandoned_ || stopping_;
    Task::Wait wait;
    {
        const MutexUnlock unlocked{mutex_};
        wait = task.step(clock_->now(), give_up);
    }
    if (wait.done) {
        finish(task);
    } else if (wait.operation != nullptr) {
        send(task, *wait.operation, *wait.backend);
    } else {
        task.state_ = Task::State::waiting;
        waiting_.add(task, wait.until);  // there is room since add()
        // stop() wakes those that wait, and this one did not yet.
        const bool missed_the_stop = stopping_ && !give_up;
        if (std::exchange(task.rung_, false) || missed_the_stop) make_ready(task);
    }
}

void Reactor::send(Task& task, Operation& operation, Backend& backend) noexcept {
    task.operation_ = &operation;
    task.backend_ = &backend;
    operation.completion = &task;
    try {
        outbox_.add(backend, operation);
        task.state_ = Task::State::flying;
        flying_.add(task, end_of_flight(task));  // there is room since add()
    } catch (const std::bad_alloc&) {
        operation.completion = nullptr;
        operation.fail(Errc::out_of_memory, {});  // an empty text needs no memory
        make_ready(task);
    }
}

void Reactor::submit() noexcept {
    const MutexUnlock unlocked{mutex_};
    outbox_.send();
}

// Its owner may destroy the task as soon as it is done and nothing is locked.
void Reactor::finish(Task& task) noexcept {
    --tasks_;
    task.state_ = Task::State::done;
    const bool abandoned = task.abandoned_;
    const Continuation next = task.continuation;
    const MutexUnlock unlocked{mutex_};
    if (abandoned) {
        delete &task;
    } else {
        next.run(next.context, next.what);
    }
}

void Reactor::wait() noexcept {
    if (ready_.first != nullptr) return;
    const Clock::time_point next = std::min(waiting_.due(), flying_.due());
    const MutexUnlock unlocked{mutex_};
    clock_->sleep_until(next, waker_);
}

}  // namespace leaselock::detail
