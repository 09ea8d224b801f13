// What is reported as the holder of a key with several holders, or of a latch: a mark and a
// number. Not for users.
//
// Thread-safety: pure functions.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/backend.hpp>
#include <leaselock/claim.hpp>

namespace leaselock::detail {

// Of a claim that is not exclusive. May throw bad_alloc.
[[nodiscard]] inline std::string mark_of(Claim claim) {
    return std::string(claim.is_latch() ? latch_mark : shared_mark) + std::to_string(claim.of());
}

// A claim that makes the use of the key that `holder` tells; empty if that is no mark.
[[nodiscard]] inline std::optional<Claim> use_of(std::string_view holder) noexcept {
    const bool latch = holder.starts_with(latch_mark);
    if (!latch && !holder.starts_with(shared_mark)) return std::nullopt;
    const std::string_view digits = holder.substr((latch ? latch_mark : shared_mark).size());
    int of = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), of);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    const Claim use = latch ? Claim::await(of) : of == 0 ? Claim::reader() : Claim::permits(1, of);
    return use.is_valid() ? std::optional{use} : std::nullopt;
}

}  // namespace leaselock::detail
