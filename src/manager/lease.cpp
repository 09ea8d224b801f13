#include <algorithm>

#include <leaselock/detail/lease.hpp>

#include "manager/acquire_machine.hpp"
#include "manager/core.hpp"
#include "manager/token.hpp"

namespace leaselock::detail {

using std::chrono::milliseconds;

std::unique_ptr<Lease> Lease::make(std::shared_ptr<Core> core, Backend& backend,
                                   std::string_view key) {
    const ManagerOptions& options = core->options();
    const std::size_t bytes =
        options.prefix.size() + key.size() + options.owner.size() + 1 + token_digits;
    return std::unique_ptr<Lease>{new (bytes) Lease{std::move(core), backend, key}};
}

Lease::Lease(std::shared_ptr<Core> core, Backend& backend, std::string_view key) noexcept
    : core_{std::move(core)}, backend_{&backend}, made_in_{fork_count()} {
    const ManagerOptions& options = core_->options();
    prefix_bytes_ = static_cast<std::uint16_t>(options.prefix.size());
    key_bytes_ = static_cast<std::uint16_t>(options.prefix.size() + key.size());
    token_bytes_ = static_cast<std::uint16_t>(options.owner.size() + 1 + token_digits);
    char* out = reinterpret_cast<char*>(this + 1);
    out = std::copy(options.prefix.begin(), options.prefix.end(), out);
    out = std::copy(key.begin(), key.end(), out);
    out = std::copy(options.owner.begin(), options.owner.end(), out);
    *out++ = '/';
    write_random_digits(out);
}

Clock::time_point Lease::now() const noexcept { return core_->clock().now(); }

void Lease::granted(std::uint64_t fencing_token, Clock::time_point sent, milliseconds ttl,
                    milliseconds min_hold) noexcept {
    fencing_token_ = fencing_token;
    deadline_ = sent + ttl - safety_margin(ttl);
    keep_until_ = sent + min_hold;
    held_ = true;
}

bool Lease::inherited() const noexcept { return made_in_ != fork_count(); }

bool Lease::held() const noexcept { return held_ && !inherited() && now() < deadline_; }

milliseconds Lease::remaining() const noexcept {
    if (!held_ || inherited()) return milliseconds{0};
    return std::max(std::chrono::floor<milliseconds>(deadline_ - now()), milliseconds{0});
}

ReleaseResult Lease::release(Errc& error) noexcept {
    error = {};
    if (!std::exchange(held_, false) || inherited()) return ReleaseResult::not_held;
    // A broken connection is replaced by the next command.
    const ReleaseResult first = try_release(error);
    if (error != Errc::connection_lost) return first;
    const ReleaseResult second = try_release(error);
    if (second != ReleaseResult::lost) return second;
    // Ours no more: by this release's first copy, or by somebody else. Nobody can tell.
    error = Errc::connection_lost;
    return ReleaseResult::unknown;
}

ReleaseResult Lease::try_release(Errc& error) noexcept {
    const Clock::time_point t = now();
    const bool keep = keep_until_ > t;
    Operation operation{
        {.verb = Verb::release,
         .key = full_key(),
         .token = token(),
         .keep = keep ? std::chrono::ceil<milliseconds>(keep_until_ - t) : milliseconds{0},
         .submitted = t}};
    core_->run(*backend_, operation);
    error = {};
    switch (operation.reply.outcome) {
        case Outcome::released: return ReleaseResult::released;
        case Outcome::lost: return ReleaseResult::lost;
        default: break;
    }
    // Something else lies under the key.
    if (operation.reply.error == Errc::corrupt) return ReleaseResult::lost;
    error = operation.reply.error;
    return ReleaseResult::unknown;
}

}  // namespace leaselock::detail
