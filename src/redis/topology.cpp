#include "redis/topology.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>

#include <leaselock/error.hpp>

#include "redis/codec.hpp"
#include "redis/locator.hpp"
#include "redis/session.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

// What a server says to CLUSTER that is no node of a cluster.
constexpr std::string_view no_cluster = "ERR This instance has cluster support disabled";

class NodeIdentity final : public Locator {
  public:
    explicit NodeIdentity(std::string id) : id_{std::move(id)} {}

    [[nodiscard]] std::error_code locate(wire::Connection& /*connection*/,
                                         wire::Endpoint& /*where*/, Clock::time_point /*until*/,
                                         std::string& /*why*/) override {
        return {};
    }
    [[nodiscard]] std::error_code confirm(wire::Connection& connection,
                                          const wire::Endpoint& /*where*/, Clock::time_point until,
                                          std::string& why) override {
        std::string out;
        wire::append_command(out, std::array<std::string_view, 2>{"CLUSTER", "MYID"});
        (void)connection.send(out, until);  // if that fails, so does the answer
        wire::RespValue answer;
        if (connection.receive(answer, until) != wire::Received::reply) {
            why = "no answer to CLUSTER MYID";
            return Errc::connect_failed;
        }
        if (!answer.is_error() && answer.text() == id_) return {};
        why = answer.is_error() ? quote(answer.text())
                                : "it is another node than the cluster had at this address";
        const Errc meaning = answer.is_error() ? classify(answer.text()) : Errc::connect_failed;
        return meaning == Errc::access_denied ? meaning : Errc::connect_failed;
    }

  private:
    const std::string id_;
};

}  // namespace

ConnectionSettings ClusterSettings::of(const ClusterNode& node) const {
    ConnectionSettings settings = of(node.address);
    settings.locator = std::make_shared<NodeIdentity>(node.id);
    return settings;
}

ConnectionSettings ClusterSettings::of(const NodeAddress& node) const {
    ConnectionSettings settings = common;
    settings.in_cluster = true;
    settings.endpoint.host = node.host;
    settings.endpoint.port = node.port;
    settings.name = fmt::format("{} at {}", name, to_string(node));
    return settings;
}

std::optional<SlotTable> Topology::ask(const std::vector<NodeAddress>& nodes,
                                       std::error_code& error, std::string& why) {
    for (const NodeAddress& node : nodes) {
        auto table = ask_one(node, error, why);
        if (table) return table;
    }
    return std::nullopt;
}

std::optional<SlotTable> Topology::ask_one(const NodeAddress& node, std::error_code& error,
                                           std::string& why) {
    const ConnectionSettings there = settings_.of(node);
    const Clock::time_point until = detail::saturating_add(
        clock_->now(), std::min(there.connect_timeout, there.command_timeout));
    std::int64_t server_time = 0;
    std::string reason;
    std::optional<SlotTable> table;
    error = open_session(connection_, there, *clock_, until, server_time, reason);
    if (!error) table = read(node, there, until, error, reason);
    connection_.close();
    if (!table) why = fmt::format("{}: {}", there.name, reason);
    return table;
}

// The slots have to come. Members without slots are listed by Redis 7 alone, and not for each user.
std::optional<SlotTable> Topology::read(const NodeAddress& node, const ConnectionSettings& there,
                                        Clock::time_point until, std::error_code& error,
                                        std::string& why) {
    std::string out;
    wire::append_command(out, std::array<std::string_view, 2>{"CLUSTER", "SLOTS"});
    wire::append_command(out, std::array<std::string_view, 2>{"CLUSTER", "SHARDS"});
    (void)connection_.send(out, until);  // if that fails, so does the first answer
    wire::RespValue slots;
    wire::RespValue shards;
    if (connection_.receive(slots, until) != wire::Received::reply ||
        connection_.receive(shards, until) != wire::Received::reply) {
        error = Errc::connect_failed;
        why = "no answer to CLUSTER SLOTS in time";
        return std::nullopt;
    }
    if (slots.is_error()) {
        error = classify(slots.text());
        why = quote(slots.text());
        if (!slots.text().starts_with(no_cluster)) return std::nullopt;
        error = Errc::not_supported;
        why = "the server is no node of a Redis Cluster: its URL begins with redis:// or rediss://";
        return std::nullopt;
    }
    const AnswerOf of{node, settings_.addresses};
    std::optional<SlotTable> table = SlotTable::decode(slots, of);
    if (!table) {
        error = Errc::cluster_down;
        why = "it knows of no node that serves a slot";
        return std::nullopt;
    }
    table->add_members(shards, of, there.endpoint.tls != nullptr);
    error.clear();
    return table;
}

}  // namespace leaselock::redis
