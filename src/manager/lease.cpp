#include "manager/lease.hpp"

#include <algorithm>
#include <cstring>

#include "manager/core.hpp"
#include "manager/event.hpp"
#include "manager/token.hpp"
#include "manager/validation.hpp"

namespace leaselock::detail {

using std::chrono::milliseconds;

void LeaseDrop::operator()(Lease* lease) const noexcept {
    if (!lease->origin().is_in_child()) lease->drop_owner();
}

LeasePtr Lease::make(std::shared_ptr<Core> core, Backend& backend, std::string_view key,
                     const LockOptions& options) {
    const ManagerOptions& manager = core->options();
    const std::size_t bytes = manager.prefix.size() + key.size() + manager.owner.size() + 1 +
                              token_digits + options.key_template.size();
    TemplateCounts& counts = core->keeper().table().counts_of(options.key_template);
    LeasePtr lease{new (bytes) Lease{std::move(core), backend, key, options}};
    lease->hold.counts = &counts;
    return lease;
}

Lease::Lease(std::shared_ptr<Core> core, Backend& backend, std::string_view key,
             const LockOptions& options) noexcept
    : core_{std::move(core)},
      backend_{&backend},
      template_bytes_{options.key_template.size()},
      share_{options.share} {
    const ManagerOptions& manager = core_->options();
    prefix_bytes_ = static_cast<std::uint16_t>(manager.prefix.size());
    key_bytes_ = static_cast<std::uint16_t>(manager.prefix.size() + key.size());
    token_bytes_ = static_cast<std::uint16_t>(manager.owner.size() + 1 + token_digits);
    char* out = reinterpret_cast<char*>(this + 1);
    out = std::copy(manager.prefix.begin(), manager.prefix.end(), out);
    out = std::copy(key.begin(), key.end(), out);
    out = std::copy(manager.owner.begin(), manager.owner.end(), out);
    *out++ = '/';
    write_random_digits(out);
    std::copy(options.key_template.begin(), options.key_template.end(), out + token_digits);
}

Lease::~Lease() {
    if (watch != nullptr) core_->notifier().forget(*watch);
}

const Origin& Lease::origin() const noexcept { return core_->origin(); }

std::uint32_t Lease::seed() const noexcept {
    std::uint32_t seed = 0;
    std::memcpy(&seed, token().data() + token().size() - sizeof seed, sizeof seed);
    return seed;
}

void Lease::granted(const Grant& grant, milliseconds ttl, const LockOptions& options) noexcept {
    fencing_token_ = grant.fencing_token;
    granted_at_ = grant.since;
    keep_until_ = grant.since + options.min_hold.value();
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
    const Clock::rep now = core_->clock().now().time_since_epoch().count();
    while (until != over && until <= now) {
        if (deadline_.compare_exchange_weak(until, over)) until = over;
    }
    return Clock::duration{until == over ? 0 : until - now};
}

bool Lease::held() const noexcept { return left() > Clock::duration::zero(); }

milliseconds Lease::remaining() const noexcept { return std::chrono::floor<milliseconds>(left()); }

bool Lease::move_deadline(Clock::time_point from, Clock::time_point to) noexcept {
    Clock::rep expected = from.time_since_epoch().count();
    return deadline_.compare_exchange_strong(expected, to.time_since_epoch().count());
}

// False: it is over, and nobody was to be notified of that.
bool Lease::can_watch() {
    if (origin().is_in_child() || (watch == nullptr && !held())) return false;
    if (watch == nullptr) core_->watch(*this);
    return true;
}

// No callback runs here, on its caller's thread, which may have locked what the callback wants: a
// watch is the Notifier's to fire, and what is over already gives a signal that nobody else has.
std::stop_token Lease::lost_signal() {
    if (can_watch()) return watch->source.get_token();
    std::stop_source gone;
    if (!released_) gone.request_stop();
    return gone.get_token();
}

void Lease::pass_loss_on(const std::stop_source& to) {
    if (can_watch() && core_->notifier().pass_on(*watch, to)) return;
    if (!released_) to.request_stop();
}

Request Lease::release_request(Clock::time_point now) const noexcept {
    const bool keep = keep_until_ > now;
    return {.verb = Verb::release,
            .key = full_key(),
            .token = token(),
            .keep = keep ? std::chrono::ceil<milliseconds>(keep_until_ - now) : milliseconds{0},
            .share = share(),
            .ask_time = owed_until_ != 0,
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

ReleaseResult Lease::release(Errc& error) noexcept {
    Release release{*this};
    if (release.begin(core_->clock().now())) {
        while (!release.answered(core_->run(*backend_, release.operation()))) {
        }
    }
    error = release.error();
    return release.result();
}

bool Lease::Release::begin(Clock::time_point now) noexcept {
    const Origin& origin = lease_.origin();
    if (origin.is_in_child() || !lease_.end_hold(now) || origin.is_copied()) return false;
    operation_.emplace(lease_.release_request(now));
    return true;
}

// A broken connection is replaced by the next command, so it goes out once more.
bool Lease::Release::answered(Clock::time_point now) noexcept {
    const Reply& reply = operation_->reply;
    const bool second = error_ == Errc::connection_lost;
    const bool settled = lease_.settled_by(reply);
    judge(reply);
    if (!second && error_ == Errc::connection_lost) {
        operation_.emplace(lease_.release_request(now));
        return false;
    }
    if (second && result_ == ReleaseResult::lost) {
        // Ours no more: by this release's first copy, or by somebody else. Nobody can tell.
        result_ = ReleaseResult::unknown;
        error_ = Errc::connection_lost;
    }
    finish(settled);
    return true;
}

void Lease::Release::judge(const Reply& reply) noexcept {
    error_ = {};
    switch (reply.outcome) {
        case Outcome::released: result_ = ReleaseResult::released; return;
        case Outcome::lost: result_ = ReleaseResult::lost; return;
        default: break;
    }
    // Something else lies under the key.
    result_ = reply.error == Errc::corrupt ? ReleaseResult::lost : ReleaseResult::unknown;
    if (result_ == ReleaseResult::unknown) error_ = reply.error;
}

void Lease::Release::finish(bool settled) noexcept {
    LocalQueue& queue = lease_.core_->local_queue();
    if (queue.busy()) queue.released(*lease_.backend_, lease_.full_key());
    if (settled) return;
    lease_.add_owner();
    lease_.core_->keeper().take_over(LeasePtr{&lease_}, error_);
}

void Lease::let_go(LeasePtr lease) noexcept {
    if (lease->origin().is_in_child() || lease->released_) return;
    Core& core = *lease->core_;
    const Clock::time_point now = core.clock().now();
    if (!lease->end_hold(now) || lease->origin().is_copied()) return;
    if (!core.local_queue().busy()) {
        core.keeper().post(std::move(lease));
        return;
    }
    lease->add_owner();
    const LeasePtr held = LeasePtr{lease.get()};
    core.keeper().post(std::move(lease));
    core.local_queue().released(*held->backend_, held->full_key());
}

// The Notifier forgets it first: an end by release is not to be taken for a loss.
bool Lease::end_hold(Clock::time_point now) noexcept {
    if (watch != nullptr) core_->notifier().forget(*watch);
    if (!core_->keeper().table().take_out(*this, now)) return false;
    released_ = true;
    tell(core_->notifier(), &Observer::on_released, *this, {}, now);
    return true;
}

bool Lease::extend(Duration ttl, Failure& failure) {
    if (!check_ttl("ttl", ttl, failure)) return false;
    if (!held()) {
        failure.set(Errc::lost, {});
        return false;
    }
    const Clock::time_point now = core_->clock().now();
    if (core_->keeper().table().shorten(*this, ttl.value(), now)) {
        core_->notifier().look(*this);
        return true;
    }
    return renew(ttl.value(), now, failure);
}

// From here on it is renewed and released as a share, which holds whatever becomes of this command.
bool Lease::downgrade(Failure& failure) {
    if (!held()) {
        failure.set(Errc::lost, {});
        return false;
    }
    if (share() != exclusive) {
        failure.set(Errc::invalid_option, "downgrade of a share, allowed is that of a whole lock");
        return false;
    }
    const Clock::time_point now = core_->clock().now();
    is_reader_.store(true, std::memory_order_relaxed);
    return renew(core_->keeper().table().ttl_of(*this), now, failure);
}

bool Lease::renew(milliseconds ttl, Clock::time_point now, Failure& failure) {
    Operation operation{{.verb = Verb::renew,
                         .key = full_key(),
                         .token = token(),
                         .ttl = ttl,
                         .share = share(),
                         .submitted = now,
                         .deadline = deadline()}};
    core_->run(*backend_, operation);
    switch (core_->keeper().extended(*this, operation)) {
        case HoldMachine::Verdict::renewed: return true;
        case HoldMachine::Verdict::lost: failure.set(Errc::lost, {}); return false;
        case HoldMachine::Verdict::unknown: break;
    }
    failure.set(operation.reply.error, std::move(operation.reply.detail));
    return false;
}

}  // namespace leaselock::detail
