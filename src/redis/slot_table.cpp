#include "redis/slot_table.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace leaselock::redis {
namespace {

using Type = wire::RespView::Type;

constexpr std::size_t most_nodes = 4096;  // a cluster has 1000 at most
constexpr std::size_t longest_host = 255;

template <class Number>
bool parse_number(std::string_view text, Number& number) noexcept {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return !text.empty() && error == std::errc{} && stop == end;
}

std::string_view cut_word(std::string_view& text) noexcept {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

// A name or an address, and nothing that a log line or a certificate should not have.
bool is_host(std::string_view host) noexcept {
    constexpr std::string_view allowed =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._:%";
    return host.size() <= longest_host && host.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_id(std::string_view id) noexcept {
    constexpr std::size_t length = 40;
    return id.size() == length &&
           id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// What a node says of where one is. An empty host, nil or "?": that of the node that was asked.
std::optional<NodeAddress> announced(std::string_view host, std::int64_t port,
                                     std::string_view asked) {
    constexpr std::int64_t last_port = 65'535;
    if (host.empty() || host == "?") host = asked;
    if (!is_host(host) || port < 1 || port > last_port) return std::nullopt;
    return NodeAddress{std::string(host), static_cast<std::uint16_t>(port)};
}

// Where that one is for us.
std::optional<NodeAddress> located(std::string_view host, std::int64_t port, const AnswerOf& of) {
    auto address = announced(host, port, of.asked.host);
    if (!address) return std::nullopt;
    const auto found = of.addresses.find(*address);
    return found != of.addresses.end() ? found->second : address;
}

// {host, port, id [, ...]}
std::optional<ClusterNode> decode_node(wire::RespView node, const AnswerOf& of) {
    const wire::RespView host = node.at(0);
    const bool has_host = host.type() == Type::string || host.type() == Type::nil;
    const std::string_view id = node.at(2).text();
    if (!has_host || node.at(1).type() != Type::integer || !is_id(id)) return std::nullopt;
    auto address = located(host.text(), node.at(1).integer(), of);
    if (!address) return std::nullopt;
    return ClusterNode{*std::move(address), std::string(id)};
}

}  // namespace

std::string to_string(const NodeAddress& address) {
    const bool is_v6 = address.host.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", is_v6 ? "[" : "", address.host, is_v6 ? "]" : "", address.port);
}

bool is_redirect(std::string_view error) noexcept {
    return error.starts_with("MOVED ") || error.starts_with("ASK ");
}

// "MOVED 3999 127.0.0.1:6381": the port is after the last colon, since IPv6 has no brackets here.
std::optional<Redirect> decode_redirect(std::string_view error, const AnswerOf& of) {
    if (!is_redirect(error)) return std::nullopt;
    Redirect redirect;
    redirect.asking = cut_word(error) == "ASK";
    const bool has_slot =
        parse_number(cut_word(error), redirect.slot) && redirect.slot <= last_slot;
    const std::string_view to = cut_word(error);
    const std::size_t colon = to.rfind(':');
    std::uint16_t port = 0;
    if (!has_slot || colon == std::string_view::npos || !parse_number(to.substr(colon + 1), port)) {
        return std::nullopt;
    }
    auto address = located(to.substr(0, colon), port, of);
    if (!address) return std::nullopt;
    redirect.to = *std::move(address);
    return redirect;
}

std::optional<SlotTable> SlotTable::decode(wire::RespView answer, const AnswerOf& of) {
    SlotTable table;
    if (answer.type() != Type::array) return std::nullopt;
    for (std::size_t i = 0; i < answer.size(); ++i) {
        if (!table.add_range(answer.at(i), of)) return std::nullopt;
    }
    if (table.unserved() == slots) return std::nullopt;
    return table;
}

// {first slot, last slot, master, replica...}
bool SlotTable::add_range(wire::RespView range, const AnswerOf& of) {
    const std::int64_t first = range.at(0).integer();
    const std::int64_t last = range.at(1).integer();
    if (range.size() < 3 || range.at(0).type() != Type::integer ||
        range.at(1).type() != Type::integer || first < 0 || first > last || last > last_slot) {
        return false;
    }
    const auto master = decode_node(range.at(2), of);
    if (!master || nodes_.size() >= most_nodes) return false;
    const Index owner = add(*master);
    for (std::int64_t slot = first; slot <= last; ++slot) {
        owners_.at(static_cast<std::size_t>(slot)) = owner;
    }
    std::size_t replicas = 0;
    for (std::size_t i = 3; i < range.size(); ++i) {
        const auto replica = decode_node(range.at(i), of);
        if (!replica || nodes_.size() >= most_nodes) continue;
        add(*replica);
        ++replicas;
    }
    replicas_.at(owner) = replicas;
    return true;
}

// Each {"slots", ..., "nodes", {{"port", .., "tls-port", .., "endpoint", ..}, ...}}
void SlotTable::add_members(wire::RespView answer, const AnswerOf& of, bool tls) {
    for (std::size_t shard = 0; shard < answer.size(); ++shard) {
        const wire::RespView members = answer.at(shard).value_of("nodes");
        for (std::size_t i = 0; i < members.size() && nodes_.size() < most_nodes; ++i) {
            const wire::RespView port = members.at(i).value_of(tls ? "tls-port" : "port");
            const wire::RespView host = members.at(i).value_of("endpoint");
            const std::string_view id = members.at(i).value_of("id").text();
            auto address = located(host.text(), port.integer(), of);
            if (address && is_id(id)) add({*std::move(address), std::string(id)});
        }
    }
}

std::vector<ShardMember> decode_shards(wire::RespView answer, std::string_view asked) {
    std::vector<ShardMember> members;
    for (std::size_t shard = 0; shard < answer.size(); ++shard) {
        const wire::RespView nodes = answer.at(shard).value_of("nodes");
        for (std::size_t i = 0; i < nodes.size() && members.size() < most_nodes; ++i) {
            const wire::RespView node = nodes.at(i);
            const std::string_view host = node.value_of("endpoint").text();
            ShardMember member{.shard = shard,
                               .id = std::string(node.value_of("id").text()),
                               .addresses = {},
                               .is_replica = node.value_of("role").text() == "replica",
                               .health = std::string(node.value_of("health").text())};
            for (const char* const name : {"port", "tls-port"}) {
                const auto address = announced(host, node.value_of(name).integer(), asked);
                if (address) member.addresses.push_back(to_string(*address));
            }
            if (!member.addresses.empty()) members.push_back(std::move(member));
        }
    }
    return members;
}

SlotTable::Index SlotTable::add(const ClusterNode& node) {
    const Index known = find(node.address);
    if (known != nowhere) return known;
    nodes_.push_back(node);
    replicas_.push_back(0);
    return static_cast<Index>(nodes_.size() - 1);
}

SlotTable::Index SlotTable::find(const NodeAddress& address) const noexcept {
    const auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](const ClusterNode& each) {
        return each.address == address;
    });
    return found == nodes_.end() ? nowhere : static_cast<Index>(found - nodes_.begin());
}

SlotTable::Index SlotTable::find(const ClusterNode& node) const noexcept {
    const Index here = find(node.address);
    return here != nowhere && nodes_[here].id == node.id ? here : nowhere;
}

std::vector<SlotTable::Index> SlotTable::masters() const {
    std::vector<Index> masters;
    for (const Index owner : owners_) {
        if (owner == nowhere || std::find(masters.begin(), masters.end(), owner) != masters.end()) {
            continue;
        }
        masters.push_back(owner);
    }
    return masters;
}

std::size_t SlotTable::unserved() const noexcept {
    return static_cast<std::size_t>(std::count(owners_.begin(), owners_.end(), nowhere));
}

}  // namespace leaselock::redis
