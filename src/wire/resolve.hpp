// Names of hosts to addresses, within a deadline. Used by Connection::open.
//
// Thread-safety: functions without state of their own.
#pragma once

#include <cstdint>
#include <string>
#include <sys/socket.h>
#include <vector>

#include <leaselock/clock.hpp>

namespace leaselock::wire {

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] const sockaddr* raw() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage);
    }
};

// "127.0.0.1:6379", "[::1]:6379"; the path of a unix socket.
[[nodiscard]] std::string describe(const Address& address);

// The TCP addresses of a host in the system's order. A numeric one is not looked up; for a name,
// blocks until the deadline at most. Empty: none, and `why` says the reason.
[[nodiscard]] std::vector<Address> resolve(const std::string& host, std::uint16_t port,
                                           const Clock& clock, Clock::time_point until,
                                           std::string& why);

}  // namespace leaselock::wire
