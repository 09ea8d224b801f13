// What Sentinels say of themselves and of replicas, for people.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/error.hpp>

#include "redis/codec.hpp"
#include "redis/sentinels.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

// The replicas that this Sentinel knows, over a connection on which it has answered; empty if it
// does not say.
std::optional<std::vector<KnownReplica>> replicas_known_to(wire::Connection& connection,
                                                           std::string_view master,
                                                           Clock::time_point until,
                                                           std::vector<Finding>& findings) {
    std::string out;
    wire::append_command(out, std::array<std::string_view, 3>{"SENTINEL", "REPLICAS", master});
    (void)connection.send(out, until);  // if that fails, so does the answer
    wire::RespValue answer;
    if (connection.receive(answer, until) != wire::Received::reply) return std::nullopt;
    if (answer.is_error()) {
        findings.push_back({Finding::Severity::hint, "nodes", quote(answer.text()),
                            "give the user of the Sentinels +sentinel|replicas; replicas that are "
                            "not well are not seen without"});
        return std::nullopt;
    }
    std::vector<KnownReplica> replicas;
    for (std::size_t i = 0; i < answer.size(); ++i) {
        const wire::RespView each = answer.at(i);
        const auto said = [&](std::string_view name) { return quote(each.value_of(name).text()); };
        const std::int64_t port = whole_number(said("port"));
        if (port < 1 || port > std::numeric_limits<std::uint16_t>::max()) continue;
        const wire::Endpoint where{.host = said("ip"),
                                   .port = static_cast<std::uint16_t>(port),
                                   .unix_path = {},
                                   .tls = {}};
        replicas.push_back({{wire::describe(where)}, said("flags")});
    }
    return replicas;
}

}  // namespace

void Sentinels::describe(Clock::time_point until, std::vector<StoreNode>& nodes,
                         std::vector<KnownReplica>& known, std::vector<Finding>& findings) {
    std::optional<std::vector<KnownReplica>> told;
    std::map<std::string, std::string> names;  // by ids
    const std::size_t before = findings.size();
    for (std::size_t i = 0; i < settings_.sentinels.size(); ++i) {
        const Clock::time_point now = clock_->now();
        const auto left = static_cast<Clock::rep>(settings_.sentinels.size() - i);
        const Clock::time_point end = now + std::max(until - now, Clock::duration{0}) / left;
        StoreNode node{.role = "sentinel",
                       .address = wire::describe(endpoint_of(settings_, settings_.sentinels[i])),
                       .master = {},
                       .lag = {},
                       .state = {}};
        wire::Connection connection{clock_};
        NamedMaster master;
        std::string why;
        if (ask_sentinel(connection, settings_, i, end, master, why)) {
            node.state = why;
        } else {
            node.state =
                fmt::format("names {}, epoch {}",
                            wire::describe(endpoint_of(settings_, master.where)), master.epoch);
            const std::string id = id_of_sentinel(connection, end);
            const auto& [known_as, is_new] = names.emplace(id, node.address);
            if (!id.empty() && !is_new) {
                node.state += ", the same Sentinel as " + known_as->second;
            }
            if (!told && findings.size() == before) {
                told = replicas_known_to(connection, settings_.master, end, findings);
            }
        }
        nodes.push_back(std::move(node));
    }
    if (told) known = *std::move(told);
}

}  // namespace leaselock::redis
