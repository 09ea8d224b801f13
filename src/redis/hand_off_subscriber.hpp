// How the waiters of one backend are notified that a lock was handed over to them: one subscriber
// connection with one channel. It is read by the driver, one of the threads that wait: it sleeps in
// poll() on that connection, and reads for all, so that nobody has to wake it for its own message.
// It leaves when it is woken, or its time is over. Where there is no driver the engine reads, and
// each second in any case: a driver that gets no processor holds nobody up for longer. Opened when
// somebody listens for the first time, so a program that never waits for a held lock has none. When
// the connection breaks it is made again, by a thread of its own for as long as that takes, and
// everybody is asked to poll, for a message may have been missed.
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

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word.hpp>

#include "base/descriptor.hpp"
#include "engine/channel.hpp"
#include "redis/connection_settings.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {

// A name that no other has and that cannot be guessed: a client that knows it can publish there.
[[nodiscard]] std::string new_channel();

class HandOffSubscriber final : private engine::Channel {
  public:
    HandOffSubscriber(ConnectionSettings settings, std::shared_ptr<Clock> clock,
                      std::string channel = new_channel());
    HandOffSubscriber(const HandOffSubscriber&) = delete;
    HandOffSubscriber& operator=(const HandOffSubscriber&) = delete;
    // Blocks for a connect that is under way: for as long as the credentials callback, at most.
    ~HandOffSubscriber() override;

    [[nodiscard]] const std::string& channel() const noexcept { return channel_; }

    // Called before these are sent. Registers their listeners and gives the number of the
    // subscription by which they are notified; 0: there is none now, or no memory.
    [[nodiscard]] std::uint64_t enlist(std::span<Operation* const> operations) noexcept;
    // Whether that subscription has not broken since, as far as is known.
    [[nodiscard]] bool lasts(std::uint64_t subscription) const noexcept {
        return subscription != 0 && subscription == subscription_.load(std::memory_order_acquire);
    }

    // This listener shall be notified of hand-offs, whose acquire was not enlisted. When they are,
    // or when a message may have been missed, its poll() is called: perhaps before this returns,
    // perhaps never. Again for the same one changes nothing. Does not block.
    void listen(Listener& listener) noexcept;
    void forget(Listener& listener) noexcept;
    // All of them: none is called once this has returned.
    void forget_all() noexcept;
    // Ends the connection as if the server had. Does not block.
    void abandon() noexcept { connection_.interrupt(); }

    // A message may have been missed by each listener.
    void let_all_poll() noexcept;

    // Whether a thread that waits could become the driver, for listeners that there are.
    [[nodiscard]] bool wants_driver() noexcept;
    // As Backend says: the thread becomes the driver, if there is none.
    [[nodiscard]] bool sleep_until(Clock::time_point until, Waker& waker) noexcept;

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

    // The channel's.
    [[nodiscard]] wire::Stream& stream() noexcept override { return connection_; }
    [[nodiscard]] std::error_code open(std::string& why) override;
    void opened() noexcept override LEASELOCK_REQUIRES(mutex_);
    void refused(Errc error, std::string_view why) noexcept override LEASELOCK_REQUIRES(mutex_);
    void attend() noexcept override LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool has_output() const noexcept override LEASELOCK_REQUIRES(mutex_) {
        return !out_.empty();
    }
    void take_output(std::string& out) noexcept override LEASELOCK_REQUIRES(mutex_) {
        out.swap(out_);
    }

    void connect_if_wanted() noexcept LEASELOCK_REQUIRES(mutex_);
    // Whose role it is to read.
    [[nodiscard]] bool drive(Clock::time_point until, Waker& waker) noexcept
        LEASELOCK_REQUIRES(mutex_);
    void leave(const Waker& waker) noexcept LEASELOCK_REQUIRES(mutex_);

    // Reads what is there, unlocked, and asks where nothing has come for too long. False: the
    // connection is of no use any more.
    [[nodiscard]] bool read_alone() noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool read() noexcept;
    [[nodiscard]] bool is_alive() noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool take(wire::RespView answer) noexcept;
    void deliver(std::string_view message) noexcept;
    WakeUp deliver_to(std::string_view token, const HandOff& what) noexcept;
    void lost() noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] std::error_code confirm(Clock::time_point until);
    [[nodiscard]] bool is_subscribed(wire::RespView answer) const noexcept;

    const ConnectionSettings settings_;
    const std::string channel_;
    const std::string command_;  // SUBSCRIBE

    Listeners listeners_ LEASELOCK_GUARDED_BY(mutex_);
    std::string out_ LEASELOCK_GUARDED_BY(mutex_);  // to be sent
    std::uint64_t subscriptions_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    base::Descriptor bell_ LEASELOCK_GUARDED_BY(mutex_);  // an eventfd, from the first driver on
    const Waker* driver_ LEASELOCK_GUARDED_BY(mutex_) = nullptr;  // the one that has the role
    bool reading_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::atomic<std::uint64_t> subscription_{0};  // 0: not confirmed; written under the mutex
    // Of the thread that connects, and of the one that is reading while it is open.
    wire::Connection connection_;
    Clock::time_point opened_{};
    bool has_asked_ = false;         // whether it lives, and was not answered yet
    Clock::time_point silent_by_{};  // when something is to be done about its silence
};

}  // namespace leaselock::redis
