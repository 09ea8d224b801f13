// How the waiters of one backend are told that a lock was handed over to them: one subscriber
// connection with one channel, and a thread that reads it. Opened when somebody listens for the
// first time, so a program that never waits for a held lock has neither. When the connection breaks
// it is made anew, and everybody is asked to look, for a message may have been missed.
//
// A message is for the listener with its token; one for a token that nobody listens for is dropped.
//
// Thread-safety: all calls from all threads at once. Listeners are called with `mutex_` held, so
// that forget() waits for a call that is under way.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "redis/gate.hpp"
#include "redis/link_settings.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {

// A name that nobody else has and nobody can guess: who knows it can publish there, too.
[[nodiscard]] std::string new_channel();

class Inbox {
  public:
    Inbox(LinkSettings settings, std::shared_ptr<Clock> clock, std::string channel = new_channel());
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    // Ends the thread: at once, unless it looks up a name or asks for credentials just then.
    ~Inbox();

    [[nodiscard]] const std::string& channel() const noexcept { return channel_; }

    // Called before these are sent. Registers their listeners and gives the number of the
    // subscription by which they are told; 0: there is none now, or no memory.
    [[nodiscard]] std::uint64_t enlist(std::span<Operation* const> operations) noexcept;
    // Whether that subscription has not broken since, as far as is known.
    [[nodiscard]] bool lasts(std::uint64_t subscription) const noexcept {
        return subscription != 0 && subscription == subscription_.load(std::memory_order_acquire);
    }

    // As Backend says.
    void listen(Listener& listener) noexcept;
    void forget(Listener& listener) noexcept;

  private:
    struct ByToken {
        using is_transparent = void;
        static std::string_view token(const Listener* listener) noexcept {
            return listener->token();
        }
        static std::string_view token(std::string_view text) noexcept { return text; }
        template <class A, class B>
        bool operator()(const A& a, const B& b) const noexcept {
            return token(a) < token(b);
        }
    };
    // A tree, since a node that was made before can be put in without memory.
    using Listeners = std::set<Listener*, ByToken>;

    // The thread's.
    void run() noexcept;
    [[nodiscard]] bool has_listeners() noexcept;
    void connect_and_read() noexcept;
    [[nodiscard]] std::error_code subscribe();
    [[nodiscard]] std::error_code confirm(Clock::time_point until);
    [[nodiscard]] bool ask(Clock::time_point until) noexcept;
    void read() noexcept;
    [[nodiscard]] bool is_subscribed(wire::ReplyView answer) const noexcept;
    [[nodiscard]] bool take(wire::ReplyView answer) noexcept;
    void confirmed() noexcept;
    void deliver(std::string_view message) noexcept;
    WakeUp deliver_to(std::string_view token, const HandOff& what) noexcept;

    const LinkSettings settings_;
    const std::shared_ptr<Clock> clock_;
    const std::string channel_;
    const std::string command_;  // SUBSCRIBE

    detail::Mutex mutex_;
    Listeners listeners_ LEASELOCK_GUARDED_BY(mutex_);
    std::thread thread_ LEASELOCK_GUARDED_BY(mutex_);
    bool ended_ LEASELOCK_GUARDED_BY(mutex_) = false;
    detail::Condition has_ended_;
    std::atomic<std::uint64_t> subscription_{0};  // 0: not confirmed; written under the mutex
    std::atomic<bool> ending_{false};
    Waker waker_{Waker::Thread::of_library};
    // The thread's own; the connection may be interrupted by the destructor.
    wire::Connection connection_;
    std::uint64_t subscriptions_ = 0;
    Gate gate_;
};

}  // namespace leaselock::redis
