// What the connections of a backend have in common.
//
// Thread-safety: values.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "redis/locator.hpp"
#include "redis/login.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {

// Between two attempts to connect, longer with each that fails.
inline constexpr std::chrono::milliseconds first_pause{10};
inline constexpr std::chrono::milliseconds longest_pause{250};

struct ConnectionSettings {
    wire::Endpoint endpoint;
    std::shared_ptr<Locator> locator{};  // goes before `endpoint`
    Credentials credentials;
    std::function<Credentials()>
        ask_credentials{};    // goes before `credentials`; may throw anything
    std::string name;         // for messages: the URL without secrets
    bool in_cluster = false;  // the user of the connection follows the redirects
    std::chrono::milliseconds connect_timeout;
    std::chrono::milliseconds command_timeout;
    std::chrono::microseconds spin{0};  // how long a lone caller looks before it sleeps
    // So many replicas must have acknowledged a grant, or a renewal, before it counts; 0: none.
    int wait_replicas = 0;
    std::chrono::milliseconds wait_timeout{0};  // how long they may take
    std::size_t max_in_flight = 65'536;  // commands without an answer, on the connection or for it
    // Connections in the place of one that was there before, of all that have a copy of this.
    std::shared_ptr<std::atomic<std::uint64_t>> reconnects =
        std::make_shared<std::atomic<std::uint64_t>>(0);
};

}  // namespace leaselock::redis
