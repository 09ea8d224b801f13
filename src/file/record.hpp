// The state of a key as bytes, of this machine alone.
//
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>

#include <leaselock/detail/lock_entry.hpp>

namespace leaselock::file {

struct Record {
    std::string key{};
    detail::LockEntry entry{};
};

// May throw bad_alloc.
[[nodiscard]] std::string encode(const Record& record);
// What encode() has made. Throws FileError{corrupt} if it has not, and bad_alloc.
[[nodiscard]] Record decode(std::string_view bytes);

}  // namespace leaselock::file
