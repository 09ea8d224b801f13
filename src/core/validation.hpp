// Input is checked here, before any I/O. Each check answers whether the input is right, and if not,
// says in `failure` which field, which value and what is allowed.
#pragma once

#include <string_view>

#include <leaselock/lock_options.hpp>

#include "core/failure.hpp"

namespace leaselock::detail {

[[nodiscard]] bool check_key(std::string_view prefix, std::string_view key, Failure& failure);
// The same without words, of a prefix that was checked. `is_plain_prefix`: is_plain() of it.
[[nodiscard]] bool is_key(std::string_view prefix, bool is_plain_prefix,
                          std::string_view key) noexcept;
[[nodiscard]] bool check_ttl(std::string_view field, Duration value, Failure& failure);
// Of permits, or of a latch's count: 1 to max_permits.
[[nodiscard]] bool check_number(std::string_view field, int number, Failure& failure);
[[nodiscard]] bool check_options(const LockOptions& options, Failure& failure);
// Whether it is seen at a glance that all values are right, and ask for all of a lock, without
// min_hold and of whatever store. False says nothing.
[[nodiscard]] bool is_plain(const LockOptions& options) noexcept;
// Whether the store of that name, the default one if it is empty, promises all that is required.
[[nodiscard]] bool check_promises(std::string_view name, const Guarantees& promised,
                                  const Guarantees& required, Failure& failure);
[[nodiscard]] bool check_options(const ManagerOptions& options, Failure& failure);

// host:pid, with what an owner may not have replaced by '-'.
[[nodiscard]] std::string default_owner();

}  // namespace leaselock::detail
