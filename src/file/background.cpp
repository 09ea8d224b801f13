#include "file/background.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/threads.hpp"
#include "file/nap.hpp"

namespace leaselock::file {

using detail::MutexLock;
using detail::MutexUnlock;

Background::~Background() {
    std::thread thread;
    {
        const MutexLock lock{mutex_};
        ending_ = true;
        thread.swap(thread_);
    }
    if (!thread.joinable()) return;
    waker_.wake();
    thread.join();
}

bool Background::add(Operation& operation) noexcept {
    try {
        Operations fresh{&operation};
        const MutexLock lock{mutex_};
        if (!thread_.joinable() && !detail::start_thread(thread_, [this] { loop(); })) return false;
        operations_.splice(operations_.end(), fresh);
    } catch (const std::bad_alloc&) {
        return false;
    }
    waker_.wake();
    return true;
}

bool Background::take_out(Operation& operation) noexcept {
    Operations gone;
    const MutexLock lock{mutex_};
    // What runs is in no list. One that is over may still be named there, and this be the next one
    // at its address.
    const auto found = std::find(operations_.begin(), operations_.end(), &operation);
    if (found == operations_.end()) {
        if (running_ == &operation) is_cancelled_ = true;
        return false;
    }
    if (cursor_ == found) ++cursor_;
    gone.splice(gone.end(), operations_, found);
    return true;
}

void Background::loop() noexcept {
    Nap nap;
    mutex_.lock();
    while (!ending_) {
        const std::size_t before = operations_.size();
        try_all();
        if (operations_.size() < before) nap = {};
        const bool idle = operations_.empty();
        const MutexUnlock unlocked{mutex_};
        if (idle) {
            clock_->sleep_until(Clock::time_point::max(), waker_);
        } else {
            nap.take(*clock_, waker_);
        }
    }
    mutex_.unlock();
}

// What comes meanwhile is at the end, and has its turn, too.
void Background::try_all() noexcept {
    blocked_.clear();
    cursor_ = operations_.begin();
    while (cursor_ != operations_.end() && !ending_) {
        const auto which = cursor_++;
        if (!is_blocked((*which)->request.key)) try_one(which);
    }
}

bool Background::is_blocked(std::string_view key) const noexcept {
    return std::find(blocked_.begin(), blocked_.end(), key) != blocked_.end();
}

// While it runs it is in no list, so that nobody else completes it.
void Background::try_one(Operations::iterator which) noexcept {
    Operations now;
    now.splice(now.end(), operations_, which);
    Operation& operation = **which;
    running_ = &operation;
    is_cancelled_ = false;
    bool done = false;
    {
        const MutexUnlock unlocked{mutex_};
        done = worker_.run_in_time(operation);
    }
    running_ = nullptr;
    if (done) return;
    if (!is_cancelled_) {
        // Before all that came meanwhile: of its key there is none before it.
        operations_.splice(operations_.begin(), now);
        try {
            blocked_.emplace_back(operation.request.key);
        } catch (const std::bad_alloc&) {
            cursor_ = operations_.end();  // the next of its key must not pass it
        }
        return;
    }
    const MutexUnlock unlocked{mutex_};
    worker_.give_up(operation);
}

}  // namespace leaselock::file
