// A process that takes and frees the locks of a soak, until it is killed: what it holds it notes in
// a history, most of it for a moment, and some of it over several renewals. In the part of the soak
// that stops, kills and cuts it off this is one object.
//
// Thread-safety: one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <leaselock/lock_manager.hpp>

#include "support/child_process.hpp"

namespace leaselock::soak {

// Longer than a fail-over takes: who holds a lock when its master fails may go on.
constexpr std::chrono::milliseconds ttl{8000};
constexpr int keys = 8;

// What a worker works at.
struct Load {
    std::string url;
    std::string prefix;
    int replicas = 0;  // that must acknowledge what is granted
    std::string history;
    std::string errors;  // a file to which it appends what is not to be answered
};

[[nodiscard]] std::string key_of(int number);
[[nodiscard]] LockManager manager_of(const Load& load);

class Worker {
  public:
    // `program` is the one that calls run(). With an address it is in a network of its own, by
    // which it reaches servers at that address: the process needs the right to make one.
    Worker(const std::string& program, const Load& load, const std::string& address);

    [[nodiscard]] support::ChildProcess& process() noexcept { return *process_; }
    // It keeps the next lock that it gets until it is lost, or for two leases.
    void keep_next();
    // Its network, if it has one.
    void cut_off();
    void connect();

    // The worker's own main(), with the words after the first.
    [[noreturn]] static void run(const std::vector<std::string>& words);

  private:
    void enter_network();

    std::unique_ptr<support::ChildProcess> process_;
    std::string link_;  // this end of its network; empty: it has none
};

}  // namespace leaselock::soak
