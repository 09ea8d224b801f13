// Which keys there can be, the same for every store: a program that is tried on memory must not be
// refused on Redis.
//
// Thread-safety: functions without shared state.
#pragma once

#include <string_view>

#include <leaselock/detail/export.hpp>

namespace leaselock::detail {

// Whether the key has a hash tag of Redis Cluster: what is between the first '{' and the first '}'
// after it, if that is not empty.
[[nodiscard]] LEASELOCK_EXPORT bool has_hash_tag(std::string_view key) noexcept;

// Whether it is seen at a glance that a text can be a part of a key: it has no brace, and no byte
// below 14. False says nothing.
[[nodiscard]] bool is_plain(std::string_view text) noexcept;
// The same of a whole key after a plain prefix.
[[nodiscard]] bool is_beyond_doubt(std::string_view key) noexcept;

// Empty if `key`, with its prefix, can be a lock's key; else why not.
[[nodiscard]] LEASELOCK_EXPORT std::string_view key_fault(std::string_view key) noexcept;

}  // namespace leaselock::detail
