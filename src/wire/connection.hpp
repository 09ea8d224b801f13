// A Stream and the parser of what comes back. It knows bytes and replies, no lock and no policy: it
// does not reconnect, log in or repeat. Used by the layer above, which owns the rules. A deadline
// that has passed makes receive look once and not block.
//
// Thread-safety: that of Stream.
#pragma once

#include <chrono>
#include <memory>

#include <leaselock/clock.hpp>

#include "wire/parser.hpp"
#include "wire/resp_value.hpp"
#include "wire/stream.hpp"

namespace leaselock::wire {

class Connection final : public Stream {
  public:
    explicit Connection(std::shared_ptr<const Clock> clock) noexcept : Stream{std::move(clock)} {}
    ~Connection() override = default;

    // The next reply; without a system call if it was read before, with one if it is there by now.
    // Blocks until the deadline at most, whatever the peer drips; for the first `spin` of it by
    // looking again and again, and asleep then. `out` changes with Received::reply only.
    [[nodiscard]] Received receive(RespValue& out, Clock::time_point until,
                                   Clock::duration spin = Clock::duration{0}) noexcept;

    // Whether something was read that receive() has not given yet; it may not be a whole reply.
    [[nodiscard]] bool has_unread() const noexcept { return parser_ && !parser_->is_empty(); }

    // Whether an idle connection cannot be used any more: the peer closed it, or sent what nobody
    // asked for. One system call, or two with TLS; never blocks.
    [[nodiscard]] bool is_stale() noexcept;

  private:
    [[nodiscard]] Sink& begin() override;

    std::unique_ptr<Parser> parser_;  // of the connection that is open
};

}  // namespace leaselock::wire
