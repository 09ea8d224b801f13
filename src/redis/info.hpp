// What a server's INFO has, and gives cause to say about it. Text in, values out, without a
// socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/finding.hpp>

namespace leaselock::redis {

// `info` is from elsewhere: what is missing in it, or makes no sense, is a finding too.
// So many replicas are waited for.
void judge_info(std::string_view info, int wait_replicas, std::vector<Finding>& findings);

struct Replication {
    struct Replica {
        std::string address;
        std::string state;
        std::optional<std::uint64_t> lag;  // in bytes
    };

    std::string role;               // as the server calls it; empty: not given
    std::string master;             // of a replica: where that is
    bool is_linked = false;         // and whether they are connected
    std::vector<Replica> replicas;  // that are attached
};
// What a server says to INFO replication.
[[nodiscard]] Replication decode_replication(std::string_view info);

}  // namespace leaselock::redis
