// A connection to a server with bytes in flight: what the channels of all stores have in common. It
// knows no protocol; that is its owner's, which derives from it.
//
//   connect  on a thread of its own, since look-ups, handshakes and users' callbacks may block.
//            After a failure the next attempt has to wait, for longer each time.
//   send     the thread that has something to be sent, if no other does so already, sends all that
//            there is in one write. It does not wait for room: what the socket does not take now is
//            sent when the owner or the engine comes again.
//   read     is the owner's: on a caller's thread, or on the engine in attend().
//
// Thread-safety: the owner calls everything with `mutex_` held, which is unlocked around every send
// and every wait, but where it is said otherwise. What the owner guards is guarded by the same
// mutex. Lock order: `mutex_`, then the stream's and the engine's own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word.hpp>
#include <leaselock/detail/word_mutex.hpp>
#include <leaselock/error.hpp>

#include "base/backoff.hpp"
#include "engine/engine.hpp"
#include "wire/stream.hpp"

namespace leaselock::engine {

class Channel : private Engine::Task {
  public:
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    // The owner's destructor has called end_connecting() and leave_engine().
    ~Channel() override = default;

  protected:
    // The pauses between two attempts to connect grow from the first to the longest.
    Channel(std::shared_ptr<Clock> clock, std::chrono::milliseconds first_pause,
            std::chrono::milliseconds longest_pause);
    // What the owner does when the channel calls it.

    // Always the same one. Used with nothing locked, by one thread that sends, by that which
    // connects, and by the one that the owner lets read.
    [[nodiscard]] virtual wire::Stream& stream() noexcept = 0;
    // Makes the connection, or says why not. On the thread that connects, with nothing locked: it
    // may block, and ends soon when the stream is interrupted. May throw bad_alloc.
    [[nodiscard]] virtual std::error_code open(std::string& why) = 0;
    // The connection is there. If it throws bad_alloc, the connection is closed again.
    virtual void opened() LEASELOCK_REQUIRES(mutex_) = 0;
    // There is none, and the next attempt has to wait.
    virtual void refused(Errc error, std::string_view why) noexcept LEASELOCK_REQUIRES(mutex_) = 0;
    // Sees to whatever there is to be done: something may be there to be read, its time may have
    // come, an attempt to connect is over, or nothing of these. On the engine: must not block.
    virtual void attend() noexcept LEASELOCK_REQUIRES(mutex_) = 0;
    // After attend(), opened() and refused(): it may do then what nothing may be locked for.
    virtual void unlock() noexcept LEASELOCK_RELEASE(mutex_) { mutex_.unlock(); }
    // Whether there is more to be sent, and the exchange of it with `out`, which is empty: so
    // nothing is allocated, and nothing that is on its way can be lost or cut.
    [[nodiscard]] virtual bool has_output() const noexcept LEASELOCK_REQUIRES(mutex_) = 0;
    virtual void take_output(std::string& out) noexcept LEASELOCK_REQUIRES(mutex_) = 0;

    // What the channel does for the owner.

    // Begins to connect; changes nothing if it is open, about to be so, or about to end. Before the
    // end of a pause only the time is set at which attend() is called.
    void connect() noexcept LEASELOCK_REQUIRES(mutex_);
    // The connection, which is open, is of no use any more. Waits for a thread that sends; what was
    // not sent is dropped.
    void close() noexcept LEASELOCK_REQUIRES(mutex_);
    // Counts as an attempt to connect that failed.
    void refuse(Errc error, std::string_view why) noexcept LEASELOCK_REQUIRES(mutex_);
    // Sends what there is, as far as the socket takes it. With `yields` other threads may run once
    // before, so that more leaves in one write.
    void flush(bool yields = false) noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool has_unsent() const noexcept LEASELOCK_REQUIRES(mutex_) {
        return sent_bytes_ < sending_.size() || has_output();
    }
    // attend() is called when something can be read, and room for what is unsent, if it is called
    // for that; or not for these.
    void await() noexcept LEASELOCK_REQUIRES(mutex_);
    void await_nothing() noexcept LEASELOCK_REQUIRES(mutex_);
    // attend() is called at that time of the clock, or before.
    void attend_at(Clock::time_point when) noexcept LEASELOCK_REQUIRES(mutex_);
    // The thread that has connected keeps its stack until it is joined.
    void join_connector() noexcept LEASELOCK_REQUIRES(mutex_);

    [[nodiscard]] bool is_open() const noexcept LEASELOCK_REQUIRES(mutex_) { return is_open_; }
    [[nodiscard]] bool is_sending() const noexcept LEASELOCK_REQUIRES(mutex_) {
        return is_sending_;
    }
    [[nodiscard]] detail::Backoff& backoff() noexcept LEASELOCK_REQUIRES(mutex_) {
        return backoff_;
    }

    // All of these with nothing locked.
    // The first two are what the owner's destructor begins with. Blocks for a connect that is under
    // way, which is interrupted: no open() and no refused() comes after it.
    void end_connecting() noexcept LEASELOCK_EXCLUDES(mutex_);
    // No attend() is under way, or comes, after it.
    void leave_engine() noexcept LEASELOCK_EXCLUDES(mutex_);
    [[nodiscard]] bool is_ending() const noexcept { return is_ending_; }

    const std::shared_ptr<Clock>& clock() const noexcept { return clock_; }

    detail::WordMutex mutex_;  // inlined: each command locks it four times

  private:
    void step(Clock::time_point now) noexcept final;
    void start_connector() LEASELOCK_REQUIRES(mutex_);
    void run_connector() noexcept;
    [[nodiscard]] bool send_some(bool yields) noexcept LEASELOCK_REQUIRES(mutex_);

    const std::shared_ptr<Clock> clock_;
    detail::Word sent_;          // close() sleeps on it while a thread sends
    detail::Word connect_over_;  // and the owner's destructor while a connection is made
    std::shared_ptr<Engine> engine_ LEASELOCK_GUARDED_BY(mutex_);
    std::string sending_ LEASELOCK_GUARDED_BY(mutex_);  // of the thread that sends, while it does
    std::size_t sent_bytes_ LEASELOCK_GUARDED_BY(mutex_) = 0;  // of `sending_`
    bool is_open_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool is_sending_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool is_closing_ LEASELOCK_GUARDED_BY(mutex_) = false;  // while a thread sends
    bool is_connecting_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool is_awaited_ LEASELOCK_GUARDED_BY(mutex_) = false;  // by the engine, for input
    std::atomic<bool> is_ending_{false};
    Clock::time_point timer_ LEASELOCK_GUARDED_BY(mutex_) = Clock::time_point::max();
    detail::Backoff backoff_ LEASELOCK_GUARDED_BY(mutex_);
    std::thread connector_ LEASELOCK_GUARDED_BY(mutex_);
    bool connector_ended_ LEASELOCK_GUARDED_BY(mutex_) = false;  // but for its last few steps
};

}  // namespace leaselock::engine
