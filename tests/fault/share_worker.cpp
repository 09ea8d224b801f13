// A process that takes shares of the lock "key" beside a test, which stops it and kills it.
//
//     share_worker <url> <history> <threads> <rounds> <count>/<of>...
//
// The threads take the shares that are named, one after another: 1/0 is all of the key, 1/r a
// reader's. Each grant goes to the history, with what its holder says of it before the release.
// Ends with 0 when all rounds are done and every lock was had, else with the number of what was
// wrong.
#include <atomic>
#include <cstdlib>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <leaselock/redis.hpp>

#include "support/history.hpp"
#include "support/patient.hpp"

namespace {

using namespace leaselock;
using namespace std::chrono_literals;

Share share_of(const std::string& word) {
    const std::size_t slash = word.find('/');
    const std::string of = word.substr(slash + 1);
    if (of == "r") return shared;
    return of == "0" ? exclusive : Share{std::atoi(word.c_str()), std::atoi(of.c_str())};
}

// A lock that was lost is no fault of this process: a test may have stopped it.
int take(support::History& history, LockManager& locks, Share share) {
    std::error_code ec;
    auto lock = support::RecordedLock::acquire(
        history, locks, "key", {.ttl = 1s, .wait_timeout = 50s, .share = share}, ec);
    if (!lock) return ec == Errc::wait_timed_out ? 2 : 3;
    for (int poll = 0; poll < 3; ++poll) {
        if (!lock->owns_lock()) return 0;
        std::this_thread::yield();
    }
    return lock->lock().release() == ReleaseResult::unknown ? 4 : 0;
}

}  // namespace

int main(int count, char** words) {
    if (count < 6) return 1;
    LockManager locks{{.prefix = "p:", .backend = "redis", .shutdown_timeout = 10s}};
    locks.register_backend("redis", make_redis_backend({.url = support::patient(words[1])}));
    support::History history{words[2]};
    const int rounds = std::atoi(words[4]);
    const std::vector<std::string> shares{words + 5, words + count};
    std::atomic<int> wrong{0};
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < std::atoi(words[3]); ++thread) {
        threads.emplace_back([&, thread] {
            for (int round = 0; round < rounds && wrong == 0; ++round) {
                const auto next = static_cast<std::size_t>(thread + round) % shares.size();
                if (const int what = take(history, locks, share_of(shares[next]))) wrong = what;
            }
        });
    }
    threads.clear();
    return wrong;
}
