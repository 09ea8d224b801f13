// One connection to a server and the operations in flight on it, in the order of their commands:
// callers share it and pipeline by themselves.
//
// The driver is one of the callers that wait: it reads, with the mutex unlocked, and completes the
// operations of all; when its own is done it hands the role to the next that waits. A lone caller
// reads its own reply. Where nobody waits and something is under way, the engine has the role.
// Where several wait the thread that sends lets the others run once before, so that more leaves
// together.
//
// Each caller that waits sleeps on a word of its own. The thread that completes operations, or
// hands the driver's role over, takes the callers concerned out of their slots under the mutex, and
// wakes them when it has unlocked it: they do not run into the mutex, nor into each other. A caller
// that was taken out does not leave before it is woken, so its word, which is on its stack, is
// there.
//
// With `wait_replicas` one WAIT follows each batch that is written together and has an acquire or a
// renewal in it. The answers are kept until that of the WAIT is there, and what was granted or
// renewed counts only if enough replicas have it.
//
// When a command gets no answer within the time-out, or the connection breaks, everything that may
// have left is unknown; what is not yet written waits for the next connection.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word.hpp>

#include "engine/channel.hpp"
#include "redis/codec.hpp"
#include "redis/connection_settings.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {

class HandOffSubscriber;

class CommandChannel final : private engine::Channel {
  public:
    // Without a subscriber no acquire takes a queue entry. The subscriber outlives the
    // channel.
    CommandChannel(ConnectionSettings settings, std::shared_ptr<Clock> clock,
                   HandOffSubscriber* subscriber = nullptr);
    CommandChannel(const CommandChannel&) = delete;
    CommandChannel& operator=(const CommandChannel&) = delete;
    // Blocks for a connect that is under way: for as long as the credentials callback, at most.
    ~CommandChannel() override;

    // As Backend says. What submit() finds no memory for is completed as unavailable. The listeners
    // are notified by the subscription of the subscriber, as far as it lasts; 0: they are not.
    // `asking`: ASKING goes before each command, in the same write, so that a node of a cluster to
    // which the slot is just moving does it.
    void submit(std::span<Operation* const> operations, std::uint64_t subscription = 0,
                bool asking = false) noexcept;
    void submit(Operation& operation) noexcept {
        Operation* const one = &operation;
        submit({&one, 1});
    }
    bool help(Operation& operation, Clock::time_point until) noexcept;
    void cancel(Operation& operation) noexcept;
    // Ends the connection as if the server had. Does not block.
    void abandon() noexcept { connection_.interrupt(); }

  private:
    enum class State : std::uint8_t {
        waiting,  // for a connection
        written,  // to out_
        sent,     // some of it may have left
    };
    struct Pending {
        Operation* operation;  // null: its caller has given it up
        Clock::time_point expires;
        std::uint64_t subscription = 0;
        bool whole_script = false;
        State state = State::waiting;
        bool was_denied = false;  // on the connection before
        Form form = Form::common;
        bool asking = false;
        bool was_let_in = false;    // ASKING is answered,
        bool is_shut_out = false;   // and our user has no right to it,
        bool needs_login = false;   // but may be another one by now
        bool is_batched = false;    // it is completed when the WAIT after its batch is answered,
        bool wait_follows = false;  // and that comes next
        std::uint64_t number = 0;   // in the order in which they were put into the queue,
        std::uint64_t first = 0;    // and when it was put there first
    };
    using Deadline = Clock::time_point;

    class Sleeper;
    // Callers that were taken out of their slots and are to be woken.
    class Wakes {
      public:
        void add(Sleeper& waiter) noexcept;
        [[nodiscard]] bool empty() const noexcept { return first_ == nullptr; }
        // In the order in which they were added. They may be gone afterwards.
        void wake_all() noexcept;

      private:
        Sleeper* first_ = nullptr;
        Sleeper* last_ = nullptr;
    };

    // command_channel.cpp: the queue.
    void append(Operation& operation, std::uint64_t subscription, bool asking)
        LEASELOCK_REQUIRES(mutex_);
    Pending& enqueue(const Pending& pending) LEASELOCK_REQUIRES(mutex_);
    Pending& queue_again(const Pending& pending) LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool was_overtaken(const Pending& pending) const noexcept
        LEASELOCK_REQUIRES(mutex_);
    void poll_again(const Pending& pending) LEASELOCK_REQUIRES(mutex_);
    // By which waiters are notified of hand-offs; empty: by none.
    [[nodiscard]] std::string_view message_channel() const noexcept;
    void write(Pending& pending) LEASELOCK_REQUIRES(mutex_);
    void send() noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool has_output() const noexcept override LEASELOCK_REQUIRES(mutex_) {
        return !out_.empty();
    }
    void take_output(std::string& out) noexcept override LEASELOCK_REQUIRES(mutex_);
    void settle(wire::RespView answer) LEASELOCK_REQUIRES(mutex_);
    // command_channel_wait.cpp: replicas that acknowledge.
    [[nodiscard]] static std::string wait_command(const ConnectionSettings& settings);
    void wait_for_replicas(std::string& out) noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool is_settled() noexcept LEASELOCK_REQUIRES(mutex_);
    void acknowledge(wire::RespView answer) LEASELOCK_REQUIRES(mutex_);
    void refuse_unacknowledged(Operation& operation, wire::RespView answer)
        LEASELOCK_REQUIRES(mutex_);
    void send_again(bool whole_script, Form form) LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool wants_login(wire::RespView answer) noexcept LEASELOCK_REQUIRES(mutex_);
    void complete(Operation& operation) noexcept LEASELOCK_REQUIRES(mutex_);
    void take_to_wake(Operation& operation) noexcept LEASELOCK_REQUIRES(mutex_);
    // False: no thread waits that could take the driver's role.
    [[nodiscard]] bool hand_over() noexcept LEASELOCK_REQUIRES(mutex_);
    void pass_on() noexcept LEASELOCK_REQUIRES(mutex_);
    // Wakes those that it has taken out of the slots.
    void unlock() noexcept override LEASELOCK_RELEASE(mutex_);
    void sleep(Operation& operation, Clock::duration time) noexcept LEASELOCK_RELEASE(mutex_);
    void tidy(Clock::time_point now) noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] std::int64_t not_after(const Pending& pending) const noexcept
        LEASELOCK_REQUIRES(mutex_);

    // command_channel_engine.cpp: what nobody waits for, and connecting.
    void attend() noexcept override LEASELOCK_REQUIRES(mutex_);
    void leave_to_engine() noexcept LEASELOCK_REQUIRES(mutex_);
    void connect_if_due() noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] wire::Stream& stream() noexcept override { return connection_; }
    [[nodiscard]] std::error_code open(std::string& why) override;
    void opened() override LEASELOCK_REQUIRES(mutex_);
    void refused(Errc error, std::string_view why) noexcept override LEASELOCK_REQUIRES(mutex_);

    // command_channel_io.cpp: what the driver does.
    void drive(Deadline until) noexcept LEASELOCK_REQUIRES(mutex_);
    void receive(Deadline deadline) LEASELOCK_REQUIRES(mutex_);
    void take(wire::Received received, const wire::RespValue& answer) LEASELOCK_REQUIRES(mutex_);
    void refuse_all(Errc error, std::string_view why) noexcept LEASELOCK_REQUIRES(mutex_);
    void fail(Errc error) noexcept LEASELOCK_REQUIRES(mutex_);
    void finish(Operation& operation, Errc error, std::string_view why) noexcept
        LEASELOCK_REQUIRES(mutex_);
    // Nothing of it has left, and there was no connection in time.
    void finish_unsent(Operation& operation) noexcept LEASELOCK_REQUIRES(mutex_);
    void drop() noexcept LEASELOCK_REQUIRES(mutex_);

    const ConnectionSettings settings_;
    HandOffSubscriber* const subscriber_;

    wire::Connection connection_;   // the driver's; the thread that sends uses it, too
    std::int64_t server_time_ = 0;  // of the thread that connects
    bool driving_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool was_open_ LEASELOCK_GUARDED_BY(mutex_) = false;  // ever
    // Nothing more is written; close when nothing is in flight.
    bool retire_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::deque<Pending> queue_ LEASELOCK_GUARDED_BY(mutex_);
    // Numbers of commands: the last one, the last one whose caller goes on, and the last release
    // that was sent once more.
    std::uint64_t last_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    std::uint64_t last_urgent_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    std::uint64_t last_repeat_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    std::string out_ LEASELOCK_GUARDED_BY(mutex_);  // to be sent
    const std::string wait_;                        // the WAIT after a batch; empty: there is none
    std::size_t answered_ LEASELOCK_GUARDED_BY(mutex_) = 0;  // the first ones, which are batched
    bool wait_is_due_ LEASELOCK_GUARDED_BY(mutex_) = false;  // its answer comes next
    Clock::time_point last_use_ LEASELOCK_GUARDED_BY(mutex_){};
    // Why the last attempt to connect failed; empty: it did not.
    std::string refusal_ LEASELOCK_GUARDED_BY(mutex_);
    // The server's time less ours, as of its last answer.
    std::chrono::microseconds server_ahead_ LEASELOCK_GUARDED_BY(mutex_){0};
    // No connection is replaced before this time because a right is missing.
    Clock::time_point next_login_ LEASELOCK_GUARDED_BY(mutex_){};
    std::size_t waiting_ LEASELOCK_GUARDED_BY(mutex_) = 0;  // operations that have a slot
    Wakes wakes_ LEASELOCK_GUARDED_BY(mutex_);
};

}  // namespace leaselock::redis
