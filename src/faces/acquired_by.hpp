// acquire() of a guard whose constructor acquires and throws, with an error_code and without one.
#pragma once

#include <system_error>

#include <leaselock/acquired.hpp>
#include <leaselock/error.hpp>

namespace leaselock::detail {

// The guard that `construct` gives; or nothing, if the lock is contended, and where there is an
// `ec` also for any other Error. Throws all else.
template <class Guard, class Construct>
Acquired<Guard> acquired_by(const Construct& construct, std::error_code* ec) {
    if (ec != nullptr) ec->clear();
    try {
        return construct();
    } catch (const Error& error) {
        const bool is_contended = dynamic_cast<const LockNotAcquired*>(&error) != nullptr;
        if (ec == nullptr && !is_contended) throw;
        if (ec != nullptr) *ec = error.code();
        return NotAcquired::by_exception();
    }
}

}  // namespace leaselock::detail
