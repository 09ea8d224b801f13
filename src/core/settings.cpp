#include "core/settings.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "core/failure.hpp"
#include "core/validation.hpp"

namespace leaselock::detail {

ManagerOptions checked(ManagerOptions options) {
    if (Failure failure; !check_options(options, failure)) failure.raise();
    if (options.owner.empty()) options.owner = default_owner();
    return options;
}

std::optional<std::chrono::milliseconds> patience(const LockOptions& options) noexcept {
    if (options.wait_timeout) return options.wait_timeout->value();
    if (!options.wait) return std::nullopt;
    return options.retry_count * options.retry_delay.value();
}

std::string limit_of(const LockOptions& options, Errc error) {
    if (error == Errc::cancelled) return "its std::stop_token";
    if (options.wait_timeout) {
        return fmt::format("wait_timeout {} ms", options.wait_timeout->value().count());
    }
    return fmt::format("retry_count {} x retry_delay {} ms", options.retry_count,
                       options.retry_delay.value().count());
}

Duration ttl_of(const ManagerOptions& manager, const LockOptions& options) noexcept {
    return options.ttl.value_or(std::max(manager.default_ttl, options.min_hold));
}

AcquireMachine::Plan plan(const ManagerOptions& manager, const LockOptions& options,
                          std::uint32_t seed, Clock::time_point now) noexcept {
    const auto time = patience(options);
    return {.ttl = ttl_of(manager, options).value(),
            .wait = time.has_value(),
            .deadline = saturating_add(now, time.value_or(std::chrono::milliseconds{0})),
            .retry_delay = options.retry_delay.value(),
            .seed = seed,
            .prolongs = options.renewal == Renewal::off || options.min_hold.value().count() > 0,
            .min_hold = options.min_hold.value()};
}

}  // namespace leaselock::detail
