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
    : core_{std::move(core)}, backend_{&backend} {
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

bool Lease::held() const noexcept { return held_ && now() < deadline_; }

milliseconds Lease::remaining() const noexcept {
    if (!held_) return milliseconds{0};
    return std::max(std::chrono::floor<milliseconds>(deadline_ - now()), milliseconds{0});
}

ReleaseResult Lease::release(std::error_code& error) noexcept {
    error.clear();
    if (!std::exchange(held_, false)) return ReleaseResult::not_held;
    bool may_have_run = false;
    for (int attempt = 1;; ++attempt) {
        const Clock::time_point t = now();
        const auto keep = std::chrono::ceil<milliseconds>(keep_until_ - t);
        Operation operation{{.verb = Verb::release,
                             .key = full_key(),
                             .token = token(),
                             .keep = std::max(keep, milliseconds{0}),
                             .submitted = t}};
        core_->run(*backend_, operation);
        const Reply& reply = operation.reply;
        if (reply.outcome == Outcome::released) {
            error.clear();
            return ReleaseResult::released;
        }
        // Ours no more: by this release's first copy, or by somebody else. Nobody can tell.
        if (reply.outcome == Outcome::lost) {
            return may_have_run ? ReleaseResult::unknown : ReleaseResult::lost;
        }
        error = reply.error;
        may_have_run = may_have_run || error == Family::unknown;
        // A broken connection is replaced by the next command.
        if (error != Errc::connection_lost || attempt == 2) return ReleaseResult::unknown;
    }
}

}  // namespace leaselock::detail
