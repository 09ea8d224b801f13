// Who reads, by what a look at the key tells.
//
// Thread-safety: pure functions.
#pragma once

#include <leaselock/lock_options.hpp>

namespace leaselock {

inline bool is_read_by(int readers, const LockInfo& info) {
    return info.held && info.use == KeyUse::readers && info.taken == readers;
}

}  // namespace leaselock
