#include "redis/server_nodes.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include <leaselock/error.hpp>

#include "redis/codec.hpp"
#include "redis/info.hpp"
#include "redis/session.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {
namespace {

using Severity = Finding::Severity;

// The answer to one command, over a connection of its own.
wire::RespValue answer_of(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock,
                          std::span<const std::string_view> command) {
    wire::Connection connection{clock};
    const Clock::time_point until = detail::saturating_add(
        clock->now(), std::min(settings.connect_timeout, settings.command_timeout));
    std::string why;
    std::int64_t server_time = 0;
    if (const auto error = open_session(connection, settings, *clock, until, server_time, why)) {
        throw LockError(error, why);
    }
    std::string out;
    wire::append_command(out, command);
    (void)connection.send(out, until);  // if that fails, so does the answer
    return receive_answer(connection, settings, until);
}

StoreNode server_of(const Replication& told, std::string_view address) {
    StoreNode node{.role = "server",
                   .address = std::string(address),
                   .master = told.master,
                   .lag = {},
                   .state = {}};
    if (told.role == "master") {
        node.role = told.role;
        const std::size_t count = told.replicas.size();
        node.state = fmt::format("{} {} attached", count, count == 1 ? "replica" : "replicas");
    } else if (!told.master.empty()) {
        node.role = "replica";
        node.state = told.is_linked ? "online" : "not connected to its master";
    }
    return node;
}

// Adds the server with its replicas, and says how it is.
void add_server(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock,
                std::string_view address, std::vector<StoreNode>& nodes) {
    constexpr std::array<std::string_view, 2> question{"INFO", "replication"};
    StoreNode& unseen = nodes.emplace_back(StoreNode{
        .role = "server", .address = std::string(address), .master = {}, .lag = {}, .state = {}});
    wire::RespValue answer;
    try {
        answer = answer_of(settings, clock, question);
    } catch (const LockError& error) {
        unseen.state = error.what();
        return;
    }
    if (answer.is_error()) {
        unseen.state = "it does not say its role and its replicas without +info";
        return;
    }
    const Replication told = decode_replication(answer.text());
    unseen = server_of(told, address);
    for (const Replication::Replica& each : told.replicas) {
        nodes.push_back({.role = "replica",
                         .address = each.address,
                         .master = std::string(address),
                         .lag = each.lag,
                         .state = each.state});
    }
}

// The nodes from `first` on are a master and what is attached to it. A replica that is known by
// another address is called by the first one of those; one that is not attached is added, unless as
// many are attached as are known: then the addresses are those of two networks. A server that did
// not say that it is a master has not said either what is attached to it.
void add_known(std::size_t first, const std::vector<KnownReplica>& known,
               std::vector<StoreNode>& nodes) {
    const std::size_t attached = nodes.size() - first - 1;
    const std::string_view before = nodes[first].role == "master" ? "not attached: " : "";
    for (const KnownReplica& replica : known) {
        const auto begin = nodes.begin() + static_cast<std::ptrdiff_t>(first + 1);
        const auto end = begin + static_cast<std::ptrdiff_t>(attached);
        const auto found = std::find_if(begin, end, [&](const StoreNode& node) {
            return std::find(replica.addresses.begin(), replica.addresses.end(), node.address) !=
                   replica.addresses.end();
        });
        if (found != end) {
            found->address = replica.addresses.front();
        } else if (attached < known.size()) {
            nodes.push_back({.role = "replica",
                             .address = replica.addresses.front(),
                             .master = nodes[first].address,
                             .lag = {},
                             .state = std::string(before) + replica.state});
        }
    }
}

// Empty: this user has no right to ask for them, which is said.
std::vector<ShardMember> members_of(Cluster& cluster, const SlotTable& table,
                                    const std::shared_ptr<Clock>& clock,
                                    std::vector<Finding>& findings) {
    constexpr std::array<std::string_view, 2> question{"CLUSTER", "SHARDS"};
    for (const SlotTable::Index master : table.masters()) {
        const ClusterNode& node = table.nodes()[master];
        try {
            const wire::RespValue answer = answer_of(cluster.settings().of(node), clock, question);
            if (answer.is_error()) {
                findings.push_back({Severity::hint, "nodes", quote(answer.text()),
                                    "give this user +cluster|shards; replicas that are not well "
                                    "are not seen without"});
                return {};
            }
            return decode_shards(answer, node.address.host);
        } catch (const LockError&) {
            continue;  // which is said at that node
        }
    }
    return {};
}

std::vector<KnownReplica> replicas_of(const ClusterNode& master,
                                      const std::vector<ShardMember>& members) {
    std::vector<KnownReplica> replicas;
    const auto found = std::find_if(members.begin(), members.end(),
                                    [&](const ShardMember& each) { return each.id == master.id; });
    if (found == members.end()) return replicas;
    for (const ShardMember& each : members) {
        if (!each.is_replica || each.shard != found->shard) continue;
        replicas.push_back({each.addresses, quote(each.health)});
    }
    return replicas;
}

}  // namespace

StoreNodes server_nodes(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock,
                        std::vector<Finding>& findings) {
    StoreNodes all{.topology = "one server", .nodes = {}};
    ConnectionSettings there = settings;
    std::vector<KnownReplica> known;
    if (settings.locator != nullptr) {
        all.topology = "a master that Sentinels name";
        const auto until = detail::saturating_add(clock->now(), settings.command_timeout);
        settings.locator->describe(until, all.nodes, known, findings);
        std::string why;
        wire::Connection connection{clock};
        const auto end = detail::saturating_add(clock->now(), settings.connect_timeout);
        if (const auto error = settings.locator->locate(connection, there.endpoint, end, why)) {
            all.nodes.push_back(
                {.role = "master", .address = "", .master = {}, .lag = {}, .state = why});
            return all;
        }
        there.locator = nullptr;
    }
    const std::size_t first = all.nodes.size();
    add_server(there, clock, wire::describe(there.endpoint), all.nodes);
    add_known(first, known, all.nodes);
    return all;
}

StoreNodes cluster_nodes(Cluster& cluster, const std::shared_ptr<Clock>& clock,
                         std::vector<Finding>& findings) {
    const SlotTable table = cluster.topology();
    const std::vector<ShardMember> members = members_of(cluster, table, clock, findings);
    StoreNodes all{.topology = "a Redis Cluster", .nodes = {}};
    for (const SlotTable::Index master : table.masters()) {
        const ClusterNode& node = table.nodes()[master];
        const std::size_t first = all.nodes.size();
        add_server(cluster.settings().of(node), clock, to_string(node.address), all.nodes);
        add_known(first, replicas_of(node, members), all.nodes);
        std::string& state = all.nodes[first].state;
        state.insert(0, fmt::format("{} slots, ", table.served_by(master)));
    }
    return all;
}

}  // namespace leaselock::redis
