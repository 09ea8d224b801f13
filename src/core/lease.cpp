#include "core/lease.hpp"

#include <cstring>
#include <utility>

#include "base/token.hpp"

namespace leaselock::detail {

using std::chrono::milliseconds;

// With its texts and its place in the hold table a held lock is limited to 320 bytes.
static_assert(sizeof(Lease) <= 208);

[[gnu::flatten]] void LeaseDrop::operator()(Lease* lease) const noexcept {
    if (!lease->origin().is_in_child()) lease->drop_owner();
}

LeasePtr Lease::make(Lifeline::Part& life, Backend& backend, const Texts& texts, Claim claim) {
    const std::size_t bytes = sizeof(Lease) + texts.prefix.size() + texts.key.size() +
                              texts.owner.size() + 1 + token_digits + texts.key_template.size();
    try {
        return LeasePtr{new (life.allocate(bytes)) Lease{life, backend, texts, claim}};
    } catch (...) {
        life.drop();
        throw;
    }
}

// The runtime goes with the last lease of an ended manager, and before that the Notifier forgets
// the watch.
void Lease::destroy() noexcept {
    Lifeline::Part& life = *life_;
    const std::size_t bytes = sizeof(Lease) + key_bytes_ + token_bytes_ + template_bytes_;
    this->~Lease();
    life.deallocate(this, bytes);
    life.drop();
}

Lease::Lease(Lifeline::Part& life, Backend& backend, const Texts& texts, Claim claim) noexcept
    : life_{&life},
      backend_{&backend},
      claim_{claim},
      template_bytes_{static_cast<std::uint32_t>(texts.key_template.size())},
      prefix_bytes_{static_cast<std::uint16_t>(texts.prefix.size())},
      key_bytes_{static_cast<std::uint16_t>(texts.prefix.size() + texts.key.size())},
      token_bytes_{static_cast<std::uint8_t>(texts.owner.size() + 1 + token_digits)} {
    char* out = reinterpret_cast<char*>(this + 1);
    out = std::copy(texts.prefix.begin(), texts.prefix.end(), out);
    out = std::copy(texts.key.begin(), texts.key.end(), out);
    out = std::copy(texts.owner.begin(), texts.owner.end(), out);
    *out++ = '/';
    write_random_digits(out);
    std::copy(texts.key_template.begin(), texts.key_template.end(), out + token_digits);
}

std::uint32_t Lease::seed() const noexcept {
    std::uint32_t seed = 0;
    std::memcpy(&seed, token().data() + token().size() - sizeof seed, sizeof seed);
    return seed;
}

std::uint64_t Lease::grant_at_once(Clock::time_point now, milliseconds ttl) noexcept {
    InstantStore* const store = backend_->instant();
    if (store == nullptr || !claim_.is_exclusive()) return 0;
    return store->grant({full_key(), token(), now, ttl}, duty.granted);
}

bool Lease::free_at_once(Clock::time_point now) noexcept {
    InstantStore* const store = backend_->instant();
    return store != nullptr && duty.granted.entry != nullptr &&
           store->free(duty.granted, token(), now);
}

void Lease::granted(const Grant& grant, milliseconds ttl, const LockOptions& options) noexcept {
    fencing_token_ = grant.fencing_token;
    unqueued_ = grant.unqueued;
    granted_at_ = grant.since;
    min_hold_ms_ = static_cast<std::uint32_t>(options.min_hold.value().count());
    const Clock::time_point limit = options.max_hold
                                        ? saturating_add(grant.since, options.max_hold->value())
                                        : Clock::time_point::max();
    hold.machine = HoldMachine{{.ttl = ttl,
                                .renews = options.renewal == Renewal::automatic,
                                .limit = limit,
                                .seed = seed()},
                               grant.sent,
                               grant.ttl};
    deadline_.store(hold.machine.deadline().time_since_epoch().count(), std::memory_order_release);
}

// An end that somebody has seen is final: a renewal that is answered at this moment comes too late.
Clock::duration Lease::left() const noexcept {
    Clock::rep until = deadline_.load(std::memory_order_acquire);
    if (until == over || origin().is_copied()) return {};
    const Clock::rep now = life_->clock().now().time_since_epoch().count();
    while (until != over && until <= now) {
        if (!deadline_.compare_exchange_weak(until, over)) continue;
        lost_at_.store(until, std::memory_order_relaxed);
        until = over;
    }
    return Clock::duration{until == over ? 0 : until - now};
}

bool Lease::held() const noexcept { return left() > Clock::duration::zero(); }

milliseconds Lease::remaining() const noexcept { return std::chrono::floor<milliseconds>(left()); }

void Lease::lose(Clock::time_point now, Errc reason) noexcept {
    session_expired_.store(reason == Errc::session_expired, std::memory_order_relaxed);
    const Clock::rep at = now.time_since_epoch().count();
    const Clock::rep until = deadline_.load(std::memory_order_acquire);
    if (until != over) lost_at_.store(until <= at ? until : -at, std::memory_order_relaxed);
    deadline_.store(over, std::memory_order_release);
}

LockLost Lease::loss() const {
    const Clock::rep at = lost_at_.load(std::memory_order_relaxed);
    if (at == 0 || is_released_ || origin().is_copied()) return LockLost{key()};
    const Clock::time_point when{Clock::duration{std::abs(at)}};
    LockLost::Cause cause = LockLost::Cause::expired;
    if (at < 0) {
        cause = session_expired_.load(std::memory_order_relaxed) ? LockLost::Cause::session_expired
                                                                 : LockLost::Cause::taken;
    }
    return {key(), cause, std::chrono::floor<milliseconds>(life_->clock().now() - when)};
}

bool Lease::move_deadline(Clock::time_point from, Clock::time_point to) noexcept {
    Clock::rep expected = from.time_since_epoch().count();
    return deadline_.compare_exchange_strong(expected, to.time_since_epoch().count());
}

Request Lease::release_request(Clock::time_point now) const noexcept {
    const Clock::time_point keep_until = granted_at_ + milliseconds{min_hold_ms_};
    const bool keep = keep_until > now;
    return {.verb = Verb::release,
            .key = full_key(),
            .prefix = prefix_bytes(),
            .token = token(),
            .keep = keep ? std::chrono::ceil<milliseconds>(keep_until - now) : milliseconds{0},
            .claim = claim(),
            .ask_time = owed_until_ != 0,
            .unqueued = unqueued_,
            .submitted = now};
}

bool Lease::settled_by(const Reply& reply) const noexcept {
    switch (reply.outcome) {
        case Outcome::released:
        case Outcome::lost: return owed_until_ == 0 || reply.store_time > owed_until_;
        // Something else lies under the key, or nothing can.
        default: return reply.error == Errc::corrupt || reply.error == Errc::invalid_key;
    }
}

}  // namespace leaselock::detail
