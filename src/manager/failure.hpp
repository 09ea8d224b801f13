// Why something was not done, on its way to the caller: as an exception or as a code.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/error.hpp>

namespace leaselock::detail {

struct Failure {
    std::error_code code{};
    std::string detail{};                    // what was asked and what went wrong, in words
    std::string key{};                       // contended: without the prefix
    std::string owner{};                     // contended: who holds it
    std::chrono::milliseconds remaining{0};  // contended: how long at most

    void set(Errc error, std::string words) {
        code = error;
        detail = std::move(words);
    }
    // Throws LockNotAcquired or LockError, as the family says.
    [[noreturn]] void raise() const {
        if (code == Family::contended) {
            throw LockNotAcquired(static_cast<Errc>(code.value()), key, owner, remaining);
        }
        throw LockError(code, detail);
    }
};

// The owner label in an owner token; empty if the value under the key is not one of ours.
[[nodiscard]] std::string_view owner_of(std::string_view token) noexcept;

}  // namespace leaselock::detail
