// What tests of waiting have in common: a store whose queue can be watched and taken away, and
// calls of other threads that wait on a clock which stands still.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include <leaselock/memory_backend.hpp>

#include "unit/manager_world.hpp"

namespace leaselock {

// A MemoryBackend of a given kind, which runs a hook at two moments that are hard to meet.
class QueueStore final : public Backend {
  public:
    enum class Kind {
        telling,      // as it is
        subscribing,  // hand-offs are notified from the second poll on
        silent,       // there is a queue, and nothing is notified
        queueless,    // there is no queue
    };
    using Hook = std::function<void()>;

    explicit QueueStore(Kind kind = Kind::telling) : kind_{kind} {}

    // Once, when the next waiter's poll has been done and it does not know the answer yet.
    void after_next_poll(Hook hook) { put(after_poll_, std::move(hook)); }
    // Once, when the next poll was answered by an entry that is not notified.
    void before_silence(Hook hook) { put(before_silence_, std::move(hook)); }
    // Once, when the next waiter is to be forgotten.
    void before_forget(Hook hook) { put(before_forget_, std::move(hook)); }
    // How often a thread that waits would have slept in the store.
    [[nodiscard]] int sleeps() const noexcept { return sleeps_; }
    // The newest waiter that has looked.
    [[nodiscard]] Listener& waiter() const { return *waiter_; }

    using Backend::submit;

    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const each : operations) submit_one(*each);
    }
    bool sleep_until(Clock::time_point /*until*/, Waker& /*waker*/) noexcept override {
        ++sleeps_;
        return false;
    }
    void forget(Listener& listener) noexcept override {
        run(before_forget_);
        store_.forget(listener);
    }

  private:
    void put(Hook& where, Hook hook) {
        const std::lock_guard lock{mutex_};
        where = std::move(hook);
    }
    void run(Hook& where) {
        Hook hook;
        {
            const std::lock_guard lock{mutex_};
            hook = std::exchange(where, nullptr);
        }
        if (hook) hook();
    }
    void submit_one(Operation& operation) noexcept {
        Request request = operation.request;
        if (kind_ == Kind::queueless) request.listener = nullptr;
        Operation asked{request};
        store_.submit(asked);
        operation.reply = std::move(asked.reply);
        if (request.listener != nullptr) {
            waiter_ = request.listener;
            const bool is_told = kind_ == Kind::telling || listener_ == request.listener;
            if (!is_told) {
                store_.forget(*request.listener);
                operation.reply.told = false;
                run(before_silence_);
            }
            run(after_poll_);
        }
        Listener* const subscribes =
            kind_ == Kind::subscribing && operation.reply.queued ? request.listener : nullptr;
        if (subscribes != nullptr && listener_.exchange(subscribes) != subscribes) {
            subscribes->poll();
        }
        operation.complete();
    }

    const Kind kind_;
    MemoryBackend store_;
    std::mutex mutex_;  // guards the hooks
    Hook after_poll_;
    Hook before_silence_;
    Hook before_forget_;
    std::atomic<int> sleeps_{0};
    std::atomic<Listener*> waiter_{nullptr};
    std::atomic<Listener*> listener_{nullptr};
};

struct WaitingWorld : ManagerWorld {
    using Kind = QueueStore::Kind;

    explicit WaitingWorld(Kind kind = Kind::telling)
        : WaitingWorld(std::make_shared<QueueStore>(kind)) {}

    // How many acquires of that manager came to the store.
    [[nodiscard]] std::size_t polls(const std::string& owner = "tester:1") const {
        std::size_t count = 0;
        for (const auto& each : backend->records()) {
            count += each.verb == Verb::acquire && each.token.starts_with(owner) ? 1U : 0U;
        }
        return count;
    }
    // Moves the time in small steps until the call is over; how long that took.
    template <class Result>
    Clock::duration pass_time_until_done(const std::future<Result>& call) const {
        const auto from = clock->now();
        while (call.wait_for(std::chrono::milliseconds{1}) != std::future_status::ready) {
            clock->advance(std::chrono::milliseconds{10});
        }
        return clock->now() - from;
    }
    // Moves the time in small steps, at most so far. Whether the call is over.
    template <class Result>
    bool is_done_within(Clock::duration time, const std::future<Result>& call) const {
        const auto until = clock->now() + time;
        while (call.wait_for(std::chrono::milliseconds{1}) != std::future_status::ready) {
            if (clock->now() >= until) return false;
            clock->advance(std::chrono::milliseconds{10});
        }
        return true;
    }

    std::shared_ptr<QueueStore> store;

  private:
    explicit WaitingWorld(std::shared_ptr<QueueStore> made)
        : ManagerWorld{Sleep::blocking, made}, store{std::move(made)} {}
};

// A call of another thread that waits for a lock.
class WaitingCall {
  public:
    using Lock = Acquired<ScopedDistributedLock>;

    // Returns when it sleeps on the clock, as the `sleeper`th one.
    WaitingCall(const WaitingWorld& world, LockManager& manager, const std::string& key,
                const LockOptions& options, int sleeper = 1)
        : call_{std::async(std::launch::async, [this, &manager, key, options] {
              return manager.acquire(key, options, stop_.get_token(), error_);
          })} {
        world.clock->wait_for_sleepers(sleeper);
    }

    WaitingCall(const WaitingCall&) = delete;
    WaitingCall& operator=(const WaitingCall&) = delete;
    // A test that fails does not wait for ever.
    ~WaitingCall() { stop(); }

    void stop() { stop_.request_stop(); }
    // Whether it is over, or soon is.
    [[nodiscard]] bool done() const {
        return call_.wait_for(std::chrono::seconds{20}) == std::future_status::ready;
    }
    [[nodiscard]] bool waits() const {
        return call_.wait_for(std::chrono::seconds{0}) == std::future_status::timeout;
    }
    // What it gave. Fails if that takes long.
    [[nodiscard]] Lock get() {
        EXPECT_TRUE(done()) << "it waits on";
        return call_.get();
    }
    [[nodiscard]] std::error_code error() const { return error_; }
    [[nodiscard]] const std::future<Lock>& call() const { return call_; }

  private:
    std::stop_source stop_;
    std::error_code error_;
    std::future<Lock> call_;  // the last: it uses the others
};

}  // namespace leaselock
