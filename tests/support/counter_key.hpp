// Where Redis keeps the last fencing token of a key, and of all others of its prefix in its slot.
//
// Thread-safety: any.
#pragma once

#include <string>
#include <string_view>

#include "redis/side_keys.hpp"

namespace leaselock::support {

inline std::string counter_key(std::string_view prefix, std::string_view key) {
    return redis::side_key(std::string(prefix) + std::string(key), prefix.size(),
                           redis::SideKey::counter);
}

}  // namespace leaselock::support
