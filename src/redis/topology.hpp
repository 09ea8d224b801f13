// Asks the nodes of a Redis Cluster which serves which slot, over a connection of its own that is
// closed again. Blocks, so it is for a thread that may.
//
// Thread-safety: one thread at a time, but for interrupt(), which is for all.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <leaselock/clock.hpp>

#include "redis/connection_settings.hpp"
#include "redis/slot_table.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {

struct ClusterSettings {
    ConnectionSettings common;  // but for the host, the port and the name
    std::vector<NodeAddress> seeds;
    std::map<NodeAddress, NodeAddress> addresses;  // announced -> where it is
    std::string name;                              // for messages: the URL without secrets

    // For the connections to one node: the same login, and TLS with the same trust.
    [[nodiscard]] ConnectionSettings of(const NodeAddress& node) const;
    // The same, and what is connected to must say that it is that node: another server may have
    // its address by now, and would grant what the cluster has granted to somebody else.
    [[nodiscard]] ConnectionSettings of(const ClusterNode& node) const;
};

class Topology {
  public:
    Topology(const ClusterSettings& settings, std::shared_ptr<Clock> clock)
        : settings_{settings}, clock_{std::move(clock)}, connection_{clock_} {}

    // Asks one after the other until one answers with a table; for each it takes the connect
    // time-out or the command time-out at most. Empty: none did, and `error` and `why` say what the
    // last one did instead.
    [[nodiscard]] std::optional<SlotTable> ask(const std::vector<NodeAddress>& nodes,
                                               std::error_code& error, std::string& why);
    // What it is at fails, and so does what begins at the same moment; to be said again until it
    // has ended.
    void interrupt() noexcept { connection_.interrupt(); }

  private:
    [[nodiscard]] std::optional<SlotTable> ask_one(const NodeAddress& node, std::error_code& error,
                                                   std::string& why);
    [[nodiscard]] std::optional<SlotTable> read(const NodeAddress& node,
                                                const ConnectionSettings& there,
                                                Clock::time_point until, std::error_code& error,
                                                std::string& why);

    const ClusterSettings& settings_;
    const std::shared_ptr<Clock> clock_;
    wire::Connection connection_;
};

}  // namespace leaselock::redis
