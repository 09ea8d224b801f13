// Redis servers one of which fails in a soak: a Cluster, or a master with replicas that Sentinels
// watch.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace leaselock::soak {

enum class Way { killed, stopped, asked_to_yield };

class Nodes {
  public:
    Nodes() = default;
    Nodes(const Nodes&) = delete;
    Nodes& operator=(const Nodes&) = delete;
    virtual ~Nodes() = default;

    // Their URL, with 127.0.0.1 as their address.
    [[nodiscard]] virtual std::string url() const = 0;
    // Of each master.
    [[nodiscard]] virtual int replicas() const = 0;
    // What else may happen to the key that costs no lock: its slot moves there and back. Then the
    // replicas have all that its master has.
    virtual void move(const std::string& key) = 0;
    // It is the master of the key that is to fail. If it is to be killed, no replica has what it
    // grants from now on: they are stopped. Not for so long that they are taken for dead.
    virtual void prepare(Way way, const std::string& key) = 0;
    // It fails, if it does not yield; returns when another one is the master.
    virtual void fail_over() = 0;
    // The former master is there again, as a replica; returns when all replicas are in step.
    virtual void heal() = 0;
};

// That of the servers which were started in that directory by tests/redis_cluster/cluster.py, or
// tests/redis_sentinel/sentinels.py. Throw std::runtime_error.
[[nodiscard]] std::unique_ptr<Nodes> cluster_in(const std::string& directory);
[[nodiscard]] std::unique_ptr<Nodes> sentinels_in(const std::string& directory);

}  // namespace leaselock::soak
