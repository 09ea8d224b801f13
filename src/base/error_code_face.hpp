// The face with an error_code of a function that throws Error, which is written once: the other
// one.
#pragma once

#include <system_error>
#include <type_traits>

#include <leaselock/error.hpp>

namespace leaselock::base {

// What `call` gives; or an empty result, and in `ec` why. Lets nothing else through than what is no
// Error, such as bad_alloc.
template <class Call>
std::invoke_result_t<const Call&> caught(std::error_code& ec, const Call& call) {
    ec.clear();
    try {
        return call();
    } catch (const Error& error) {
        ec = error.code();
        return {};
    }
}

}  // namespace leaselock::base
