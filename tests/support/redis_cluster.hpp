// The nodes of a Redis Cluster that tests/redis_cluster/cluster.py has started, with a way to look
// at each beside the backend under test.
//
// Thread-safety: all calls from all threads at once, but for what waits for the cluster.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "wire/connection.hpp"

namespace leaselock::support {

class RedisCluster {
  public:
    struct Node {
        std::uint16_t port = 0;
        std::uint16_t tls_port = 0;
        int pid = 0;
    };

    // Reads where the nodes are. Throws std::runtime_error: nobody has started them.
    explicit RedisCluster(std::string directory);
    // That of the tests, which ctest starts as a fixture.
    [[nodiscard]] static RedisCluster& of_tests();

    [[nodiscard]] const std::vector<Node>& nodes() const noexcept { return nodes_; }
    // redis+cluster:// or rediss+cluster://, with two nodes.
    [[nodiscard]] std::string url() const;
    [[nodiscard]] std::string tls_url() const;

    // As RedisServer::command(): the answer as text. Throws std::runtime_error.
    std::string command(std::size_t node, const std::vector<std::string>& arguments);
    void on_all(const std::vector<std::string>& arguments);
    // The node that serves the key's slot, as most nodes have it.
    [[nodiscard]] std::size_t owner(const std::string& key);
    // Some replica of that node.
    [[nodiscard]] std::size_t replica(std::size_t master);
    // A key that begins like that and lies at that node.
    [[nodiscard]] std::string key_at(std::size_t node, const std::string& begin);
    // By its port, as MOVED and CLUSTER NODES name it.
    [[nodiscard]] std::size_t node_at(std::uint16_t port) const;
    [[nodiscard]] std::string id(std::size_t node) { return command(node, {"CLUSTER", "MYID"}); }

    void pause(std::size_t node) const;
    void resume(std::size_t node) const;
    void kill9(std::size_t node) const;
    // Starts a node that was killed, and waits until the cluster is whole.
    void restart(std::size_t node);
    // All slots are served, and each replica has its master's data.
    void wait_whole();

    // The three steps of a slot to another master: from the first on a key that is not there is
    // asked for at `to`, then the keys go, then the slot.
    void begin_move(std::uint16_t slot, std::size_t from, std::size_t to);
    void move_keys(std::uint16_t slot, std::size_t from, std::size_t to);
    void end_move(std::uint16_t slot, std::size_t from, std::size_t to);
    void move_slot(std::uint16_t slot, std::size_t from, std::size_t to) {
        begin_move(slot, from, to);
        move_keys(slot, from, to);
        end_move(slot, from, to);
    }
    // Some master but that one.
    [[nodiscard]] std::size_t other_master(std::size_t than);

  private:
    void read_nodes();
    // The id of the node that serves the slot, as that node knows it; empty: nobody does.
    [[nodiscard]] std::string owner_at(std::size_t node, std::uint16_t slot);
    void run_script(const std::string& word);

    const std::string directory_;
    std::vector<Node> nodes_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<wire::Connection>> connections_;
};

}  // namespace leaselock::support
