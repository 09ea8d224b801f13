// The connection of a Client to one member of its cluster, and what moves it: the engine reads,
// writes what the socket did not take, and keeps the time; a thread that submits writes at once; a
// thread of its own makes each connection, since that may block.
//
// Thread-safety: all calls from all threads at once. Lock order: `mutex_`, then the stream's own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word.hpp>

#include "base/backoff.hpp"
#include "engine/engine.hpp"
#include "hazelcast/client.hpp"
#include "hazelcast/member.hpp"

namespace leaselock::hazelcast {

class MemberChannel final : private engine::Engine::Task {
  public:
    MemberChannel(const Settings& settings, std::shared_ptr<Clock> clock);
    MemberChannel(const MemberChannel&) = delete;
    MemberChannel& operator=(const MemberChannel&) = delete;
    // Closes the session, for which it waits for a short time. Blocks for a connect under way.
    ~MemberChannel() override;

    // As Backend says.
    void submit(std::span<Operation* const> operations) noexcept;
    void cancel(Operation& operation) noexcept;
    void forget(Listener& listener) noexcept;
    [[nodiscard]] std::uint64_t reconnects() noexcept;

  private:
    void step(Clock::time_point now) noexcept override;
    void read() noexcept LEASELOCK_REQUIRES(mutex_);
    void flush() noexcept LEASELOCK_REQUIRES(mutex_);
    void attend() noexcept LEASELOCK_REQUIRES(mutex_);
    void set_timer(Clock::time_point when) noexcept LEASELOCK_REQUIRES(mutex_);
    void begin_connect() noexcept LEASELOCK_REQUIRES(mutex_);
    void join_connector() noexcept LEASELOCK_REQUIRES(mutex_);
    void connect(const std::vector<MemberAddress>& members) noexcept;
    void connected(const Greeted& greeted) LEASELOCK_REQUIRES(mutex_);
    void refuse(Errc error, std::string_view why) noexcept LEASELOCK_REQUIRES(mutex_);
    void drop(Errc error, std::string_view why) noexcept LEASELOCK_REQUIRES(mutex_);
    void unlock_and_complete() noexcept LEASELOCK_RELEASE(mutex_);

    const Settings settings_;
    const std::shared_ptr<Clock> clock_;

    detail::Mutex mutex_;
    detail::Word writer_done_;   // drop() sleeps on it while somebody writes
    detail::Word connect_over_;  // and the destructor while a connection is made
    detail::Word closed_;        // and until the session is closed
    Client client_ LEASELOCK_GUARDED_BY(mutex_);
    MemberStream stream_;                               // the engine's; the writer sends on it
    std::string sending_ LEASELOCK_GUARDED_BY(mutex_);  // the writer's while it sends
    std::size_t sent_bytes_ LEASELOCK_GUARDED_BY(mutex_) = 0;  // of `sending_`
    bool is_open_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool is_writing_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool is_connecting_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool is_ending_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::shared_ptr<engine::Engine> engine_ LEASELOCK_GUARDED_BY(mutex_);
    // When the engine looks at the channel, on our clock; and whether it waits for its descriptor.
    Clock::time_point timer_ LEASELOCK_GUARDED_BY(mutex_) = Clock::time_point::max();
    bool is_awaiting_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::thread connector_ LEASELOCK_GUARDED_BY(mutex_);
    bool connector_ended_ LEASELOCK_GUARDED_BY(mutex_) = false;
    MemberAddress member_ LEASELOCK_GUARDED_BY(mutex_){};  // of the newest connection
    std::uint64_t connections_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    detail::Backoff backoff_ LEASELOCK_GUARDED_BY(mutex_);
};

}  // namespace leaselock::hazelcast
