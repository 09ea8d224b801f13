// One leader among several candidates: here threads, elsewhere processes on one Redis.
#include <atomic>
#include <fmt/format.h>
#include <stop_token>
#include <thread>
#include <vector>

#include <leaselock/leaselock.hpp>

int main() {
    leaselock::LockManager locks;
    leaselock::LeaderElection election{locks, "scheduler"};
    std::atomic<int> leaders = 0;
    std::atomic<int> terms = 0;
    std::atomic<bool> fine = true;

    const auto candidate = [&](const std::stop_token& stop) {
        const auto lead = election.campaign(stop);
        if (!lead) return;
        if (++leaders != 1 || election.leader()->term != lead->term()) fine = false;
        // Work until the leadership ends: lead->ended() is a std::stop_token.
        lead->ensure();  // throws if it has; ask before what only a leader may do
        ++terms;
        --leaders;
    };  // resigns
    {
        std::vector<std::jthread> candidates;
        for (int i = 0; i < 3; ++i) candidates.emplace_back(candidate);
        while (terms < 3 && fine) std::this_thread::yield();
    }
    fmt::print("{} terms, one leader at a time\n", terms.load());
    return fine && terms == 3 && !election.leader() ? 0 : 1;
}
