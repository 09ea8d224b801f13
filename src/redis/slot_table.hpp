// Which node of a Redis Cluster serves which hash slot, as the nodes tell it, and where one says
// that a command has to go instead. Replies in, values out: no socket, no policy.
//
// Thread-safety: plain values.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/hash_slot.hpp"
#include "wire/resp_value.hpp"

namespace leaselock::redis {

struct NodeAddress {
    std::string host;
    std::uint16_t port = 0;

    friend auto operator<=>(const NodeAddress&, const NodeAddress&) = default;
};
// host:port, [host]:port for IPv6.
[[nodiscard]] std::string to_string(const NodeAddress& address);

// A node as the cluster has it: another one at the same address has another id.
struct ClusterNode {
    NodeAddress address;
    std::string id;

    friend bool operator==(const ClusterNode&, const ClusterNode&) = default;
};

// Which node answered, and how its answer is read.
struct AnswerOf {
    const NodeAddress& asked;  // a node that does not know its own address leaves it out
    // Where a node is that announces the first address. Others are where they say.
    const std::map<NodeAddress, NodeAddress>& addresses;
};

// That another node has the slot (MOVED), or that this one command is to be tried there (ASK).
struct Redirect {
    bool asking = false;
    std::uint16_t slot = 0;
    NodeAddress to;
};
// Empty: the error is no redirect that can be read.
[[nodiscard]] std::optional<Redirect> decode_redirect(std::string_view error, const AnswerOf& of);
// By its first word.
[[nodiscard]] bool is_redirect(std::string_view error) noexcept;

// A node by CLUSTER SHARDS, which also lists those that are not well.
struct ShardMember {
    std::size_t shard = 0;
    std::string id;
    std::vector<std::string> addresses;  // host:port, and that with the port of TLS, if it has both
    bool is_replica = false;
    std::string health;
};
// What is no such answer gives none.
[[nodiscard]] std::vector<ShardMember> decode_shards(wire::RespView answer, std::string_view asked);

class SlotTable {
  public:
    using Index = std::uint16_t;
    static constexpr Index nowhere = 0xffff;
    static constexpr std::size_t slots = last_slot + 1;

    // Of the answer to CLUSTER SLOTS. Empty: it is none, or no slot is served.
    [[nodiscard]] static std::optional<SlotTable> decode(wire::RespView answer, const AnswerOf& of);
    // Adds masters without a slot, and replicas, from the answer to CLUSTER SHARDS. What is none is
    // left alone.
    void add_members(wire::RespView answer, const AnswerOf& of, bool tls);

    [[nodiscard]] const std::vector<ClusterNode>& nodes() const noexcept { return nodes_; }
    // Which of the nodes that is; nowhere: none.
    [[nodiscard]] Index find(const NodeAddress& address) const noexcept;
    [[nodiscard]] Index find(const ClusterNode& node) const noexcept;
    // The master of a slot; nowhere: none serves it.
    [[nodiscard]] Index owner(std::uint16_t slot) const noexcept { return owners_.at(slot); }
    void move(std::uint16_t slot, Index node) noexcept { owners_.at(slot) = node; }

    // Those that serve a slot, in the order of their slots.
    [[nodiscard]] std::vector<Index> masters() const;
    [[nodiscard]] std::size_t unserved() const noexcept;
    [[nodiscard]] std::size_t served_by(Index master) const noexcept {
        return static_cast<std::size_t>(std::count(owners_.begin(), owners_.end(), master));
    }
    // How many replicas a master has.
    [[nodiscard]] std::size_t replicas(Index master) const noexcept { return replicas_.at(master); }

  private:
    SlotTable() { owners_.fill(nowhere); }
    Index add(const ClusterNode& node);
    [[nodiscard]] bool add_range(wire::RespView range, const AnswerOf& of);

    std::vector<ClusterNode> nodes_;
    std::vector<std::size_t> replicas_;  // of each of the nodes
    std::array<Index, slots> owners_{};
};

}  // namespace leaselock::redis
