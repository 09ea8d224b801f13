// One operation on a memory backend at a time that the test says: what its tests have in common.
#pragma once

#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <utility>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>

namespace leaselock {

using namespace std::chrono_literals;

inline constexpr Clock::time_point begin{1h};
inline const std::string token = "tester:1/0123456789abcdef0123456789abcdef";

inline Reply ask(MemoryBackend& backend, const Request& request) {
    Operation operation{request};
    backend.submit(operation);
    EXPECT_TRUE(operation.done());
    return std::move(operation.reply);
}
inline Reply acquire(MemoryBackend& backend, const std::string& key, Clock::time_point now,
                     std::chrono::milliseconds ttl = 1s) {
    return ask(backend,
               {.verb = Verb::acquire, .key = key, .token = token, .ttl = ttl, .submitted = now});
}

inline std::string numbered(int i) {
    return "a key that is too long for a short string " + std::to_string(i);
}

}  // namespace leaselock
