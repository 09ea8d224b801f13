// What LockManager::check() found amiss at a backend, for people to read before a program goes
// live.
//
// Thread-safety: plain values.
#pragma once

#include <cstdint>
#include <string>

#include <leaselock/detail/requirements.hpp>  // IWYU pragma: keep

namespace leaselock {

struct Finding {
    enum class Severity : std::uint8_t {
        problem,  // locks fail, or two may hold one of them
        hint,     // sound as it is; better otherwise, or it could not be seen
    };

    Severity severity = Severity::problem;
    std::string
        subject{};        // what was looked at: "release"; docs/guide/before-you-go-live.md has all
    std::string found{};  // in words; no password and no owner token is in it
    std::string advice{};  // what to do
};

// How much LockManager::check() reads of what a store keeps for all locks of a prefix: a random
// part of it, which is enough at the start of each process, or all, for a person who looks for a
// fault.
enum class CheckDepth : std::uint8_t { sample, all };

}  // namespace leaselock
