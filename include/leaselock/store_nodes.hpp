// The servers that a store consists of, as they say themselves: for people, and for
// `leaselock doctor`. It is old as soon as it is there, and no lock depends on it.
//
// Thread-safety: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <leaselock/detail/requirements.hpp>

namespace leaselock {

struct StoreNode {
    std::string role{};     // master, replica, sentinel; server: it does not say
    std::string address{};  // host:port, or the path of a socket
    std::string master{};   // of a replica: the address of the node whose data it copies
    // Of a replica: how many bytes of what its master has written it lacks, as that one knows.
    std::optional<std::uint64_t> lag{};
    std::string state{};  // in words
};

struct StoreNodes {
    std::string topology{};  // in words; empty: the store does not say, or has no servers
    std::vector<StoreNode> nodes{};
};

}  // namespace leaselock
