// Watches leases: what was the least time that was left of each, as a share of its ttl? A thread
// asks for it every millisecond. If that thread is late it may miss something, and reports nothing
// that was not.
//
// Thread-safety: add() before begin(); the rest is for one thread. The guards outlive the watch and
// are not used by others meanwhile.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <utility>

#include <leaselock/scoped_distributed_lock.hpp>

#include "support/poll_until.hpp"

namespace leaselock::support {

class LeaseMeter {
  public:
    struct Lease {
        std::string name;
        const ScopedDistributedLock* lock;
        std::chrono::milliseconds ttl;
        double least = 1;      // of its ttl
        bool is_lost = false;  // ever
    };

    void add(std::string name, const ScopedDistributedLock& lock, std::chrono::milliseconds ttl) {
        leases_.push_back({std::move(name), &lock, ttl});
    }
    // Blocks for that time.
    const std::deque<Lease>& watch(std::chrono::milliseconds time) {
        const auto check_all = [&] {
            for (Lease& each : leases_) check(each);
            return false;
        };
        (void)poll_until(check_all, time);
        return leases_;
    }

  private:
    static void check(Lease& lease) {
        const std::chrono::duration<double> left = lease.lock->remaining();
        lease.least = std::min(lease.least, left / lease.ttl);
        lease.is_lost = lease.is_lost || !lease.lock->owns_lock();
    }

    std::deque<Lease> leases_;
};

}  // namespace leaselock::support
