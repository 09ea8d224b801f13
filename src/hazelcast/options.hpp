// What the fields of HazelcastOptions and the URL say, checked.
//
// Thread-safety: values and functions without state.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/hazelcast.hpp>

#include "hazelcast/message.hpp"
#include "wire/tls.hpp"

namespace leaselock::hazelcast {

inline constexpr std::string_view plain_scheme = "hazelcast";
inline constexpr std::string_view secure_scheme = "hazelcasts";  // by TLS

struct Settings {
    std::vector<MemberAddress> members;  // those that the URL names
    // The address that a member announces, and the one by which we reach it.
    std::vector<std::pair<MemberAddress, MemberAddress>> addresses{};
    std::shared_ptr<const wire::TlsContext> tls{};  // null: plain
    std::string cluster;
    std::string group;
    std::string username;
    std::string password;
    std::string name;  // for messages: the URL without secrets
    std::chrono::milliseconds connect_timeout{0};
    std::chrono::milliseconds command_timeout{0};
    std::size_t max_in_flight = 0;
};

// Throws LockError: invalid_url, invalid_option.
[[nodiscard]] Settings settings_of(const HazelcastOptions& options);

// The name of a lock at the cluster, which knows text only: the key as it is if that is UTF-8. Each
// byte that is no part of a character becomes one of the private use area, U+F700 to U+F7FF, and so
// do the bytes of such a character, so that no two keys have one name.
[[nodiscard]] std::string lock_name(std::string_view key);

}  // namespace leaselock::hazelcast
