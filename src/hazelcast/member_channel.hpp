// The connection of a Client to one member of its cluster, and what moves it. A thread that submits
// writes at once. The first caller that blocks for its answer reads, for all others too; when none
// does, the engine reads. That also writes what the socket did not take, and keeps the time. A
// thread of its own makes each connection, since that may block.
//
// Thread-safety: all calls from all threads at once. Lock order: `mutex_`, then the stream's own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word.hpp>

#include "engine/channel.hpp"
#include "hazelcast/client.hpp"
#include "hazelcast/member.hpp"

namespace leaselock::hazelcast {

class MemberChannel final : private engine::Channel {
  public:
    MemberChannel(const Settings& settings, std::shared_ptr<Clock> clock);
    MemberChannel(const MemberChannel&) = delete;
    MemberChannel& operator=(const MemberChannel&) = delete;
    // Closes the session, for which it waits for a short time. Blocks for a connect under way.
    ~MemberChannel() override;

    // As Backend says.
    void submit(std::span<Operation* const> operations) noexcept;
    [[nodiscard]] bool help(Operation& operation, Clock::time_point until) noexcept;
    void cancel(Operation& operation) noexcept;
    void forget(Listener& listener) noexcept;
    [[nodiscard]] std::uint64_t reconnects() noexcept;

  private:
    [[nodiscard]] wire::Stream& stream() noexcept override { return stream_; }
    [[nodiscard]] std::error_code open(std::string& why) override;
    void opened() override LEASELOCK_REQUIRES(mutex_);
    void refused(Errc error, std::string_view why) noexcept override LEASELOCK_REQUIRES(mutex_);
    void attend() noexcept override LEASELOCK_REQUIRES(mutex_);
    // Operations and listeners go on when nothing is locked any more.
    void unlock() noexcept override LEASELOCK_RELEASE(mutex_);
    [[nodiscard]] bool has_output() const noexcept override LEASELOCK_REQUIRES(mutex_) {
        return !client_.out().empty();
    }
    void take_output(std::string& out) noexcept override LEASELOCK_REQUIRES(mutex_) {
        out.swap(client_.out());
    }

    // Reads for at most so long, and deals with what came.
    wire::Received read(Clock::duration left) noexcept LEASELOCK_REQUIRES(mutex_);
    void tick() noexcept LEASELOCK_REQUIRES(mutex_);
    // With `lies` what is to be read may lie for a moment: a caller comes for it, or nobody waits.
    void go_on(bool lies) noexcept LEASELOCK_REQUIRES(mutex_);
    void drop(Errc error, std::string_view why) noexcept LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] std::vector<MemberAddress> members();

    const Settings settings_;
    detail::Word closed_;  // the destructor sleeps on it until the session is closed
    Client client_ LEASELOCK_GUARDED_BY(mutex_);
    MemberStream stream_;
    bool is_reading_ LEASELOCK_GUARDED_BY(mutex_) = false;  // a thread does, unlocked: no other may
    Greeted greeted_;  // of the thread that connects, as is `tried_`
    MemberAddress tried_{};
    MemberAddress member_ LEASELOCK_GUARDED_BY(mutex_){};  // of the newest connection
    std::uint64_t connections_ LEASELOCK_GUARDED_BY(mutex_) = 0;
};

}  // namespace leaselock::hazelcast
