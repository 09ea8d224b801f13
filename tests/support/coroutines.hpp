// The least that a program with coroutines has: a type of those that see to themselves, one of
// those that somebody owns, and a loop to resume them on.
//
// Thread-safety: a Loop is for all threads at once; the rest is its owner's.
#pragma once

#include <coroutine>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

namespace leaselock::support {

// Runs until its first wait; destroys itself at its end unless it is held by somebody who does.
struct Detached {
    struct promise_type {
        Detached get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

// One that its owner destroys.
class Owned {
  public:
    struct promise_type {
        Owned get_return_object() noexcept {
            return Owned{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
    explicit Owned(std::coroutine_handle<promise_type> handle) noexcept : handle_{handle} {}
    Owned(Owned&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
    Owned& operator=(Owned&&) = delete;
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;
    ~Owned() { destroy(); }
    void destroy() noexcept {
        if (handle_) std::exchange(handle_, nullptr).destroy();
    }

  private:
    std::coroutine_handle<promise_type> handle_;
};

// What a program has to run its coroutines on: here, whoever calls run_one().
class Loop {
  public:
    void operator()(std::coroutine_handle<> next) {
        const std::lock_guard lock{mutex_};
        ready_.push_back(next);
    }
    bool run_one() {
        std::coroutine_handle<> next;
        {
            const std::lock_guard lock{mutex_};
            if (ready_.empty()) return false;
            next = ready_.front();
            ready_.pop_front();
        }
        next.resume();
        return true;
    }

  private:
    std::mutex mutex_;
    std::deque<std::coroutine_handle<>> ready_;
};

}  // namespace leaselock::support
