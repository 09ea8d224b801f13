// One connection to a server and the operations in flight on it, in the order of their commands:
// callers share it and pipeline by themselves.
//
// Roles, each taken by at most one thread at a time and never with the mutex held during I/O:
//   writer  whoever finds nobody writing sends what all have appended, in one write. Where several
//           wait it lets the others run once before, so that more leaves together.
//   driver  one of the callers that wait: it reads, and completes the operations of all; when its
//           own is done it hands the role to the next that waits. A lone caller reads its own
//           reply. Where nobody waits and something is under way, the engine has the role.
//
// To connect may block, for look-ups, handshakes and the user's credentials: so it is done on a
// thread of its own, for all.
//
// Each caller that waits sleeps on a word of its own. The thread that completes operations, or
// hands the driver's role over, takes the callers concerned out of their slots under the mutex, and
// wakes them when it has unlocked it: they do not run into the mutex, nor into each other. A caller
// that was taken out does not leave before it is woken, so its word, which is on its stack, is
// there.
//
// When a command gets no answer within the time-out, or the connection breaks, everything that may
// have left is unknown; what is not yet written waits for the next connection.
//
// Thread-safety: all calls from all threads at once. Lock order: `mutex_`, then the connection's
// own.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word.hpp>

#include "base/backoff.hpp"
#include "engine/engine.hpp"
#include "redis/codec.hpp"
#include "redis/connection_settings.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {

class HandOffSubscriber;

class CommandChannel final : private engine::Engine::Task {
  public:
    // Without a subscriber no acquire takes a place in the queue. The subscriber outlives the
    // channel.
    CommandChannel(ConnectionSettings settings, std::shared_ptr<Clock> clock,
                   HandOffSubscriber* subscriber = nullptr);
    CommandChannel(const CommandChannel&) = delete;
    CommandChannel& operator=(const CommandChannel&) = delete;
    // Blocks for a connect that is under way: for as long as the credentials callback, at most.
    ~CommandChannel() override;

    // As Backend says. What submit() finds no memory for is completed as unavailable. The listeners
    // are told by the subscription of the subscriber, as far as it lasts; 0: they are not.
    void submit(std::span<Operation* const> operations, std::uint64_t subscription = 0) noexcept;
    void submit(Operation& operation) noexcept {
        Operation* const one = &operation;
        submit({&one, 1});
    }
    bool help(Operation& operation, Clock::time_point until) noexcept;
    void cancel(Operation& operation) noexcept;

  private:
    enum class State : std::uint8_t {
        waiting,  // for a connection
        written,  // to out_
        sent,     // some of it may have left
    };
    struct Pending {
        Operation* operation;  // null: its caller has let go of it
        Clock::time_point expires;
        std::uint64_t subscription = 0;
        bool whole_script = false;
        State state = State::waiting;
        bool was_denied = false;  // on the connection before
        Form form = Form::common;
    };
    using Deadline = Clock::time_point;

    class Waiter;
    // Callers that were taken out of their slots and are to be woken.
    class Wakes {
      public:
        void add(Waiter& waiter) noexcept;
        [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
        // In the order in which they were added. They may be gone afterwards.
        void wake_all() noexcept;

      private:
        Waiter* first_ = nullptr;
        Waiter* last_ = nullptr;
    };

    // command_channel.cpp: the queue.
    void append(Operation& operation, std::uint64_t subscription) LEASELOCK_REQUIRES(mutex_);
    // On which hand-offs are told; empty: on none.
    [[nodiscard]] std::string_view message_channel() const noexcept;
    void write(Pending& pending) LEASELOCK_REQUIRES(mutex_);
    void flush() noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool send_some() noexcept LEASELOCK_REQUIRES(mutex_);
    void take_out() noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool has_unsent() const noexcept LEASELOCK_REQUIRES(mutex_) {
        return !out_.empty() || sent_bytes_ < sending_.size();
    }
    void settle(wire::ReplyView answer) LEASELOCK_REQUIRES(mutex_);
    void send_again(bool whole_script, Form form) LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool wants_login(wire::ReplyView answer) noexcept LEASELOCK_REQUIRES(mutex_);
    void complete(Operation& operation) noexcept LEASELOCK_REQUIRES(mutex_);
    void take_to_wake(Operation& operation) noexcept LEASELOCK_REQUIRES(mutex_);
    // False: nobody waits who could take the driver's role.
    [[nodiscard]] bool hand_over() noexcept LEASELOCK_REQUIRES(mutex_);
    void pass_on() noexcept LEASELOCK_REQUIRES(mutex_);
    void unlock_and_wake() noexcept LEASELOCK_RELEASE(mutex_);
    void sleep(Operation& operation, Clock::duration time) noexcept LEASELOCK_RELEASE(mutex_);
    void tidy(Clock::time_point now) noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] std::int64_t not_after(const Pending& pending) const noexcept
        LEASELOCK_REQUIRES(mutex_);

    // link_engine.cpp: what nobody waits for, and connecting.
    void step(Clock::time_point now) noexcept override;
    void attend() noexcept LEASELOCK_REQUIRES(mutex_);
    void set_timer(Clock::time_point when) noexcept LEASELOCK_REQUIRES(mutex_);
    void begin_connect() noexcept LEASELOCK_REQUIRES(mutex_);
    void join_connector() noexcept LEASELOCK_REQUIRES(mutex_);
    void start_connecting(Clock::time_point now) noexcept LEASELOCK_REQUIRES(mutex_);
    void connect(Deadline deadline) noexcept;

    // link_io.cpp: what the driver does.
    void drive(Deadline until) noexcept LEASELOCK_REQUIRES(mutex_);
    void receive(Deadline deadline) LEASELOCK_REQUIRES(mutex_);
    void take(wire::Received received, const wire::Reply& answer) LEASELOCK_REQUIRES(mutex_);
    void connected(std::int64_t server_time) LEASELOCK_REQUIRES(mutex_);
    void refuse_all(Errc error, std::string_view why) noexcept LEASELOCK_REQUIRES(mutex_);
    void fail(Errc error) noexcept LEASELOCK_REQUIRES(mutex_);
    void finish(Operation& operation, Errc error, std::string_view why) noexcept
        LEASELOCK_REQUIRES(mutex_);
    void close() noexcept LEASELOCK_REQUIRES(mutex_);

    const ConnectionSettings settings_;
    const std::shared_ptr<Clock> clock_;
    HandOffSubscriber* const subscriber_;

    detail::Mutex mutex_;
    detail::Word writer_done_;     // close() sleeps on it while somebody writes
    detail::Word connect_over_;    // and the destructor while a connection is made
    wire::Connection connection_;  // the driver's; the writer sends on it
    bool driving_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool writing_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool open_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool was_open_ LEASELOCK_GUARDED_BY(mutex_) = false;  // ever
    // Nothing more is written; close when nothing is in flight.
    bool retire_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::deque<Pending> queue_ LEASELOCK_GUARDED_BY(mutex_);
    std::string out_ LEASELOCK_GUARDED_BY(mutex_);             // to be sent behind `sending_`
    std::string sending_ LEASELOCK_GUARDED_BY(mutex_);         // the writer's while it sends
    std::size_t sent_bytes_ LEASELOCK_GUARDED_BY(mutex_) = 0;  // of `sending_`
    Clock::time_point last_use_ LEASELOCK_GUARDED_BY(mutex_){};
    // The server's time less ours, as of its last answer.
    std::chrono::microseconds server_ahead_ LEASELOCK_GUARDED_BY(mutex_){0};
    detail::Backoff backoff_ LEASELOCK_GUARDED_BY(mutex_){first_pause, longest_pause};
    // No connection is replaced before this time because a right is missing.
    Clock::time_point next_login_ LEASELOCK_GUARDED_BY(mutex_){};
    std::shared_ptr<engine::Engine> engine_ LEASELOCK_GUARDED_BY(mutex_);
    // When the engine looks at the channel, on our clock.
    Clock::time_point timer_ LEASELOCK_GUARDED_BY(mutex_) = Clock::time_point::max();
    bool connecting_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool closing_ LEASELOCK_GUARDED_BY(mutex_) = false;  // while somebody writes
    bool ending_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::thread connector_ LEASELOCK_GUARDED_BY(mutex_);
    bool connector_ended_ LEASELOCK_GUARDED_BY(mutex_) = false;  // but for its last few steps
    std::size_t waiting_ LEASELOCK_GUARDED_BY(mutex_) = 0;       // operations that have a slot
    Wakes wakes_ LEASELOCK_GUARDED_BY(mutex_);
};

}  // namespace leaselock::redis
