// What kind of request it is, as far as scripts and answers differ by it.
//
// Thread-safety: pure functions.
#pragma once

#include <string_view>

#include <leaselock/backend.hpp>

namespace leaselock::redis {

[[nodiscard]] inline bool has_share(const Request& request) noexcept {
    return !request.claim.is_exclusive();
}

[[nodiscard]] inline bool takes_entry(const Request& request, std::string_view channel) noexcept {
    return request.verb == Verb::acquire && request.listener != nullptr && !channel.empty();
}

[[nodiscard]] inline bool ends_latch(const Request& request) noexcept {
    return request.claim.is_latch() && request.verb == Verb::release &&
           request.token.starts_with(latch_mark);
}

}  // namespace leaselock::redis
