// Why something was not done, on its way to the caller: as an exception or as a code.
#pragma once

#include <chrono>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/error.hpp>

namespace leaselock::detail {

struct Failure {
    Errc error{};                            // 0: none
    std::string detail{};                    // what was asked and what went wrong, in words
    std::string key{};                       // contended: without the prefix
    std::string owner{};                     // contended: who holds it
    std::chrono::milliseconds remaining{0};  // contended: how long at most
    std::chrono::milliseconds waited{0};     // contended: for so long,
    std::string limit{};                     // and until this; empty: it did not wait
    std::exception_ptr thrown{};             // stands for all of the above

    void set(Errc what, std::string words) {
        error = what;
        detail = std::move(words);
    }
    [[nodiscard]] bool contended() const noexcept { return family(error) == Family::contended; }
    [[nodiscard]] std::error_code code() const noexcept {
        return error == Errc{} ? std::error_code{} : make_error_code(error);
    }
    // Throws LockNotAcquired or LockError, as the family says.
    [[noreturn]] void raise() const {
        if (thrown) std::rethrow_exception(thrown);
        if (contended()) throw LockNotAcquired(error, key, owner, remaining, waited, limit);
        throw LockError(error, detail);
    }
    // Both faces of a call: what went wrong as a code in `ec`, or, where that is null, thrown.
    void report(std::error_code* ec) const {
        if (ec != nullptr) {
            *ec = code();
        } else if (error != Errc{}) {
            raise();
        }
    }
    // The same of a call whose empty result says that the lock is contended.
    void report_but_contention(std::error_code* ec) const {
        if (ec != nullptr || !contended()) report(ec);
    }
};

// The owner label in an owner token; empty if the value under the key is not one of ours.
[[nodiscard]] std::string_view owner_of(std::string_view token) noexcept;

}  // namespace leaselock::detail
