#include "support/redis_cluster.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <leaselock/clock.hpp>

#include "redis/session.hpp"
#include "support/cluster_slot.hpp"
#include "support/poll_until.hpp"
#include "wire/command.hpp"
#include "wire/resp_value.hpp"

namespace leaselock::support {
namespace {

using namespace std::chrono_literals;

[[noreturn]] void fail_cluster(const std::string& what) {
    throw std::runtime_error("redis cluster: " + what);
}

std::string lines_of(const wire::RespView& reply) {
    using Type = wire::RespView::Type;
    if (reply.type() == Type::integer) return std::to_string(reply.integer());
    if (reply.type() == Type::nil) return "(nil)";
    if (reply.type() != Type::array) return std::string(reply.text());
    std::string lines;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        if (i > 0) lines += '\n';
        lines += lines_of(reply.at(i));
    }
    return lines;
}

}  // namespace

RedisCluster::RedisCluster(std::string directory) : directory_{std::move(directory)} {
    read_nodes();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        connections_.push_back(std::make_unique<wire::Connection>(boot_clock()));
    }
}

RedisCluster& RedisCluster::of_tests() {
    static RedisCluster cluster{LEASELOCK_REDIS_CLUSTER_DIRECTORY};
    return cluster;
}

void RedisCluster::read_nodes() {
    nodes_.clear();
    std::ifstream in{directory_ + "/nodes"};
    for (Node node; in >> node.port >> node.tls_port >> node.pid;) nodes_.push_back(node);
    if (nodes_.empty()) fail_cluster("nobody has started it in " + directory_);
}

std::string RedisCluster::url() const {
    return "redis+cluster://127.0.0.1:" + std::to_string(nodes_.at(0).port) +
           ",127.0.0.1:" + std::to_string(nodes_.at(1).port);
}

std::string RedisCluster::tls_url() const {
    return "rediss+cluster://127.0.0.1:" + std::to_string(nodes_.at(0).tls_port) +
           ",127.0.0.1:" + std::to_string(nodes_.at(1).tls_port) + "?ca_file=" + directory_ +
           "/tls.pem";
}

std::string RedisCluster::command(std::size_t node, const std::vector<std::string>& arguments) {
    const std::lock_guard lock{mutex_};
    wire::Connection& connection = *connections_.at(node);
    const std::vector<std::string_view> views{arguments.begin(), arguments.end()};
    std::string bytes;
    wire::append_command(bytes, views);
    const auto until = boot_clock()->now() + 20s;
    std::string why;
    if (connection.is_open() && connection.is_stale()) connection.close();
    if (!connection.is_open() &&
        connection.open({"127.0.0.1", nodes_.at(node).port, {}}, until, why)) {
        fail_cluster(why);
    }
    wire::RespValue reply;
    if (connection.send(bytes, until).error ||
        connection.receive(reply, until) != wire::Received::reply) {
        connection.close();
        fail_cluster("no reply to " + arguments.front());
    }
    if (reply.is_error()) throw std::runtime_error(std::string(reply.text()));
    return lines_of(reply);
}

void RedisCluster::on_all(const std::vector<std::string>& arguments) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) command(i, arguments);
}

std::size_t RedisCluster::node_at(std::uint16_t port) const {
    const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                    [&](const Node& each) { return each.port == port; });
    if (found == nodes_.end()) fail_cluster("no node at port " + std::to_string(port));
    return static_cast<std::size_t>(found - nodes_.begin());
}

// A master that has the slot says so: it answers, and does not redirect.
std::size_t RedisCluster::owner(const std::string& key) {
    std::size_t owner = nodes_.size();
    const auto serves = [&](std::size_t node) {
        try {
            command(node, {"GETRANGE", key, "0", "0"});
            return true;
        } catch (const std::runtime_error& error) {
            return std::string_view{error.what()}.starts_with("ASK ") ||
                   std::string_view{error.what()}.starts_with("WRONGTYPE");
        }
    };
    const bool is_found = poll_until(
        [&] {
            for (owner = 0; owner < nodes_.size(); ++owner) {
                if (serves(owner)) return true;
            }
            return false;
        },
        60s);
    if (!is_found) fail_cluster("nobody serves " + key);
    return owner;
}

// A master hears of it by and by.
std::size_t RedisCluster::replica(std::size_t master) {
    std::string identity;
    std::string address;
    const bool has_one = poll_until(
        [&] {
            std::istringstream lines{command(master, {"CLUSTER", "REPLICAS", id(master)})};
            return static_cast<bool>(lines >> identity >> address);
        },
        20s);
    if (!has_one) fail_cluster("a master has no replica");
    const std::size_t colon = address.find(':');
    return node_at(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
}

std::string RedisCluster::key_at(std::size_t node, const std::string& begin) {
    constexpr int most = 1000;
    for (int i = 0; i < most; ++i) {
        std::string key = begin + std::to_string(i);
        if (owner(key) == node) return key;
    }
    fail_cluster("no key lies at that node");
}

void RedisCluster::pause(std::size_t node) const { ::kill(nodes_.at(node).pid, SIGSTOP); }
void RedisCluster::resume(std::size_t node) const { ::kill(nodes_.at(node).pid, SIGCONT); }

void RedisCluster::kill9(std::size_t node) const {
    ::kill(nodes_.at(node).pid, SIGKILL);
    // One that has ended and was not waited for has no command line any more.
    const auto has_ended = [&] {
        std::ifstream words{"/proc/" + std::to_string(nodes_.at(node).pid) + "/cmdline"};
        return !words || words.peek() == std::ifstream::traits_type::eof();
    };
    if (!poll_until(has_ended, 20s)) fail_cluster("a node does not end");
}

void RedisCluster::run_script(const std::string& word) {
    const std::string line = "python3 " LEASELOCK_REDIS_CLUSTER_SCRIPT " " + word;
    if (std::system(line.c_str()) != 0) fail_cluster("failed: " + word);
}

void RedisCluster::restart(std::size_t node) {
    run_script("restart " + directory_ + ' ' + std::to_string(nodes_.at(node).port));
    read_nodes();
}

void RedisCluster::wait_whole() { run_script("wait " + directory_); }

std::size_t RedisCluster::other_master(std::size_t than) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (i != than && command(i, {"ROLE"}).starts_with("master")) return i;
    }
    fail_cluster("there is one master alone");
}

void RedisCluster::begin_move(std::uint16_t slot, std::size_t from, std::size_t to) {
    const std::string number = std::to_string(slot);
    command(to, {"CLUSTER", "SETSLOT", number, "IMPORTING", id(from)});
    command(from, {"CLUSTER", "SETSLOT", number, "MIGRATING", id(to)});
}

// A node that hears of the loss of a slot drops its keys, and does not pass that on to its replica:
// one that was promoted since may have old ones, which are replaced.
void RedisCluster::move_keys(std::uint16_t slot, std::size_t from, std::size_t to) {
    const std::string number = std::to_string(slot);
    const std::string port = std::to_string(nodes_.at(to).tls_port);
    for (;;) {
        std::istringstream keys{command(from, {"CLUSTER", "GETKEYSINSLOT", number, "10"})};
        std::string key;
        if (!std::getline(keys, key) || key.empty()) return;
        do {
            command(from, {"MIGRATE", "127.0.0.1", port, key, "0", "20000", "REPLACE"});
        } while (std::getline(keys, key));
    }
}

// A key that came after the others had gone is at the target already. A slot that is moved back at
// once may meet a late message from the move before, and lie nowhere then; so they are asked until
// all of them have it, each time with a higher epoch.
void RedisCluster::end_move(std::uint16_t slot, std::size_t from, std::size_t to) {
    const std::string number = std::to_string(slot);
    const std::string to_id = id(to);
    command(to, {"CLUSTER", "SETSLOT", number, "NODE", to_id});
    command(from, {"CLUSTER", "SETSLOT", number, "NODE", to_id});
    const auto all_agree = [&] {
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            if (owner_at(i, slot) != to_id) return false;
        }
        return true;
    };
    constexpr int most = 30;
    for (int i = 0; i < most; ++i) {
        if (poll_until(all_agree, 2s)) return;
        for (const std::size_t each : {to, from}) {
            command(each, {"CLUSTER", "SETSLOT", number, "NODE", to_id});
        }
        command(to, {"CLUSTER", "BUMPEPOCH"});
    }
    fail_cluster("the nodes do not agree who serves slot " + number);
}

std::string RedisCluster::owner_at(std::size_t node, std::uint16_t slot) {
    constexpr int words_before_slots = 7;
    std::istringstream lines{command(node, {"CLUSTER", "NODES"})};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string identity;
        std::string word;
        words >> identity;
        for (int i = 0; i < words_before_slots; ++i) words >> word;
        while (words >> word && !word.starts_with('[')) {
            const std::size_t dash = word.find('-');
            const int first = std::stoi(word);
            const int last = dash == std::string::npos ? first : std::stoi(word.substr(dash + 1));
            if (first <= slot && slot <= last) return identity;
        }
    }
    return {};
}

}  // namespace leaselock::support
