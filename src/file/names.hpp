// Keys as names of files, and back.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leaselock::file {

// FNV-1a: the same in every process, however it was built. Fowler, Noll and Vo, RFC 9923.
[[nodiscard]] constexpr std::uint64_t hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3U;
    }
    return hash;
}

// Letters, digits and `_:-.` stand for themselves (a dot not at the beginning: such names are not
// those of locks), other bytes are %XX. A name that were longer than a file's may be ends with
// `%-` and its hash instead.
[[nodiscard]] std::string name_of(std::string_view key);

// Nothing: it is the name of no lock, or does not tell all of the key.
[[nodiscard]] std::optional<std::string> key_of(std::string_view name);
[[nodiscard]] constexpr bool is_of_lock(std::string_view name) noexcept {
    return !name.starts_with('.');
}

}  // namespace leaselock::file
