#include "wire/connection.hpp"

#include "wire/socket.hpp"

namespace leaselock::wire {

Sink& Connection::begin() {
    parser_ = std::make_unique<Parser>();
    return *parser_;
}

Received Connection::receive(RespValue& out, Clock::time_point until,
                             Clock::duration spin) noexcept {
    if (!is_open()) return Received::closed;
    const bool may_spin = spin > Clock::duration::zero();
    const Clock::time_point spin_ends = may_spin ? clock().now() + spin : Clock::time_point::min();
    for (bool is_first = true;; is_first = false) {
        const Parser::Result result = parser_->next(out);
        if (result == Parser::Result::reply) return Received::reply;
        if (result == Parser::Result::malformed) return Received::malformed;
        if (has_ended()) return Received::closed;

        const Clock::duration left = time_left(clock(), until);
        if (left == Clock::duration::zero() && !is_first) return Received::timed_out;
        const bool spins = may_spin && clock().now() < spin_ends;
        const Received received = read(spins ? Clock::duration::zero() : left);
        if (received != Received::reply && !(spins && received == Received::timed_out)) {
            return received;
        }
    }
}

bool Connection::is_stale() noexcept {
    if (!is_open() || !parser_->is_empty()) return true;
    if (has_tls()) {
        // What TLS says of its own accord, as a ticket for the next session, is taken in.
        Received received = Received::reply;
        while (received == Received::reply && parser_->is_empty() && !has_ended()) {
            received = read(Clock::duration::zero());
        }
        return received != Received::timed_out || has_partial_record();
    }
    return has_news();
}

}  // namespace leaselock::wire
