#include "core/reply_check.hpp"

namespace leaselock::detail {
namespace {

bool is_failure(Errc error) noexcept {
    const Family its = family(error);
    return its == Family::refused || its == Family::unavailable || its == Family::unknown;
}

bool is_outcome(Verb verb, const Reply& reply) noexcept {
    switch (reply.outcome) {
        case Outcome::granted: return verb == Verb::acquire;
        case Outcome::held: return verb == Verb::acquire || verb == Verb::inspect;
        case Outcome::free: return verb == Verb::inspect;
        case Outcome::renewed: return verb == Verb::renew;
        case Outcome::released: return verb == Verb::release;
        case Outcome::lost: return verb == Verb::renew || verb == Verb::release;
        case Outcome::failed: return is_failure(reply.error);
    }
    return false;
}

}  // namespace

void check_reply(Operation& operation) noexcept {
    Reply& reply = operation.reply;
    const bool waits = operation.request.listener != nullptr && reply.outcome == Outcome::held;
    const bool entry_fits = waits || !(reply.queued || reply.first);
    const bool term_fits = reply.ttl.count() >= 0;
    if (entry_fits && term_fits && is_outcome(operation.request.verb, reply)) return;
    const std::int64_t not_after = reply.not_after;  // until then the command may still run
    reply = Reply{};
    reply.error = Errc::protocol_error;
    reply.not_after = not_after;
}

}  // namespace leaselock::detail
