// The state of a key as bytes, of this machine alone.
//
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/lock_entry.hpp>

namespace leaselock::file {

struct Record {
    // For a token that was handed the lock and has not been seen since.
    struct Message {
        std::string token;
        HandOff what;
    };

    std::string key{};
    detail::LockEntry entry{};
    std::vector<Message> messages{};
};

// May throw bad_alloc.
[[nodiscard]] std::string encode(const Record& record);
// What encode() has made. Throws FileError{corrupt} if it has not, and bad_alloc.
[[nodiscard]] Record decode(std::string_view bytes);

}  // namespace leaselock::file
