#include "core/lease.hpp"

#include <cstring>
#include <memory>
#include <utility>

#include "base/token.hpp"

namespace leaselock::detail {

using std::chrono::milliseconds;

namespace {

// Copies so many bytes, at once.
template <std::size_t Bytes>
void copy(const char* from, char* to) noexcept {
    std::memcpy(to, from, Bytes);
}

// As std::copy, without its call where a key is of common length; the last bytes may have been
// written before. Answers the end.
char* write(char* out, std::string_view text) noexcept {
    const char* at = text.data();
    const char* const end = at + text.size();
    char* const out_end = out + text.size();
    if (text.size() < 8 || text.size() > 32) {
        std::copy(at, end, out);
    } else if (text.size() < 16) {
        copy<8>(at, out);
        copy<8>(end - 8, out_end - 8);
    } else {
        copy<16>(at, out);
        copy<16>(end - 16, out_end - 16);
    }
    return out_end;
}

}  // namespace

// With its texts and its place in the hold table a held lock is limited to 320 bytes.
static_assert(sizeof(Lease) <= 208);

[[gnu::flatten, gnu::hot]] void LeaseDrop::operator()(Lease* lease) const noexcept {
    if (!lease->origin().is_in_child()) lease->drop_owner();
}

// Not among what is done for each lease.
[[gnu::noinline]] void Lease::PostedDrop::operator()(Posted* posted) const noexcept {
    delete posted;
}

LeasePtr Lease::make(Lifeline::Part& life, std::size_t own, Backend& backend, const Texts& texts,
                     Claim claim) {
    const std::size_t bytes = sizeof(Lease) + texts.prefix.size() + texts.key.size() +
                              life.owner().size() + 1 + token_digits + texts.key_template.size();
    try {
        return LeasePtr{new (life.allocate(bytes, own)) Lease{life, backend, texts, claim}};
    } catch (...) {
        life.drop();
        throw;
    }
}

// The runtime goes with the last lease of an ended manager, and before that the Notifier forgets
// the watch.
void Lease::destroy() noexcept {
    Lifeline::Part& life = *life_;
    const std::size_t bytes = sizeof(Lease) + key_bytes_ + token_bytes() + template_bytes_;
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
      key_bytes_{static_cast<std::uint16_t>(texts.prefix.size() + texts.key.size())} {
    char* out = write(reinterpret_cast<char*>(this + 1), texts.prefix);
    out = write(out, texts.key) + token_bytes();
    write_random_bits(out - token_bits_bytes);
    write(out, texts.key_template);
}

bool Lease::spell() const noexcept {
    if (origin().is_in_child()) return false;
    const WordMutexLock lock{life_->spelling()};
    if (has_token_text_.load(std::memory_order_relaxed)) return true;
    // Its memory is no object that is const.
    char* out = const_cast<char*>(text()) + key_bytes_;
    out = std::copy(owner().begin(), owner().end(), out);
    *out++ = '/';
    write_digits(token_bits(), out);
    has_token_text_.store(true, std::memory_order_release);
    return true;
}

std::uint32_t Lease::seed() const noexcept {
    std::uint32_t seed = 0;
    std::memcpy(&seed, token_bits(), sizeof seed);
    return seed;
}

std::uint64_t Lease::grant_at_once(Clock::time_point now, milliseconds ttl) noexcept {
    const InstantStore::Token token{owner(), life_->owner_number(), token_bits()};
    return backend_->instant()->grant({full_key(), token, now, ttl}, duty.granted);
}

bool Lease::free_at_once(Clock::time_point now) noexcept {
    InstantStore* const store = backend_->instant();
    return store != nullptr && duty.granted.entry != nullptr &&
           store->free(duty.granted, fencing_token_, now);
}

void Lease::granted(const Grant& grant, milliseconds ttl, const LockOptions& options) noexcept {
    fencing_token_ = grant.fencing_token;
    unqueued_ = grant.unqueued;
    granted_at_ = grant.since;
    min_hold_ms_ = static_cast<std::uint32_t>(options.min_hold.value().count());
    const Clock::time_point limit = options.max_hold
                                        ? saturating_add(grant.since, options.max_hold->value())
                                        : Clock::time_point::max();
    // In its place: a copy would read what was just written in pieces, for which processors wait.
    std::construct_at(&hold.machine,
                      HoldMachine::Plan{.ttl = ttl,
                                        .renews = options.renewal == Renewal::automatic,
                                        .limit = limit,
                                        .seed = seed()},
                      grant.sent, grant.ttl);
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
