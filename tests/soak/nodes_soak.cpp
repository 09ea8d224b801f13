// Goal: while masters fail one after the other, under load from several processes that are stopped,
// killed and cut off meanwhile, no fence falls, no lock is stuck for longer than its ttl, no waiter
// sleeps for longer than its poll, no error comes but those that say that the servers are away; and
// where all replicas have acknowledged what was granted, no two hold one lock. Where they have not,
// that is counted and printed. Method: a Redis Cluster, or a master with Sentinels, whose masters
// are killed, stopped and asked to yield in turn, in a Cluster after a slot has moved there and
// back; when one is killed its replicas lag behind; two kinds of workers beside each other; the
// history checker.
//
// nodes_soak cluster|sentinel DIRECTORY ROUNDS [ADDRESS]
//     DIRECTORY is where tests/redis_cluster/cluster.py, or tests/redis_sentinel/sentinels.py, has
//     started the servers, with that ADDRESS. With one the workers are in networks of their own,
//     and are cut off; without they are not.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <leaselock/leaselock.hpp>

#include "soak/nodes.hpp"
#include "soak/worker.hpp"
#include "support/history.hpp"
#include "support/history_check.hpp"
#include "support/poll_until.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using namespace leaselock;
using namespace leaselock::soak;
using support::poll_until;
using Seconds = std::chrono::duration<double>;

constexpr auto patience = 120s;
// So much later than it should a thing may happen on a busy machine.
constexpr auto slack = 3s;
constexpr auto longest_poll = 1s;
// So long a master grants what no replica has.
constexpr auto lag = 500ms;

// The keys of one kind, and those who work at them.
class Field {
  public:
    Field(std::string program, Load load, std::string address)
        : program_{std::move(program)}, load_{std::move(load)}, address_{std::move(address)} {
        for (std::size_t i = 0; i < workers_.size(); ++i) start(i);
    }

    [[nodiscard]] const Load& load() const noexcept { return load_; }
    void start(std::size_t number) {
        workers_.at(number).reset();
        workers_.at(number) = std::make_unique<Worker>(program_, load_, address_);
    }
    void end() {
        for (auto& each : workers_) each.reset();
    }
    // One is stopped, one is killed and one is cut off with a lock; the last one goes on.
    void expect_trouble() { workers_[2]->keep_next(); }
    void trouble() {
        workers_[0]->process().pause();
        workers_[1]->process().kill9();
        workers_[2]->cut_off();
    }
    void calm() {
        workers_[0]->process().resume();
        start(1);
    }
    // When somebody else may have the lock that it had.
    void connect() { workers_[2]->connect(); }
    // Locks are granted again.
    void grow() const {
        const auto before = size();
        if (!poll_until([&] { return size() > before + 5000; }, patience)) {
            throw std::runtime_error(load_.prefix + ": no lock is granted any more");
        }
    }
    [[nodiscard]] std::vector<support::Holding> history() const {
        return support::History{load_.history}.read();
    }

  private:
    [[nodiscard]] std::uintmax_t size() const { return std::filesystem::file_size(load_.history); }

    const std::string program_;
    const Load load_;
    const std::string address_;
    std::array<std::unique_ptr<Worker>, 4> workers_;
};

// Somebody who holds a lock over a fail-over, and somebody who waits for it.
class Turn {
  public:
    Turn(const Load& load, std::string key) : key_{std::move(key)}, holder_{manager_of(load)} {
        held_ = holder_.acquire(key_, {.ttl = patience, .wait_timeout = patience});
        if (!held_) throw std::runtime_error("nobody holds " + key_);
        waiter_ = std::async(std::launch::async, [load, key = key_] {
            LockManager locks = manager_of(load);
            const auto lock = locks.acquire(key, {.wait_timeout = 2 * patience});
            return lock ? boot_clock()->now() : Clock::time_point::max();
        });
        const auto is_waited_for = [&] { return holder_.inspect(key_).waiting == 1; };
        if (!poll_until(is_waited_for, patience)) throw std::runtime_error("nobody waits");
    }
    // How long the waiter sleeps after the lock is free.
    Seconds pass() {
        std::error_code error;
        const auto is_answered = [&] {
            held_->extend(patience, error);
            return !error || error == Family::lost;
        };
        if (!poll_until(is_answered, patience)) throw std::runtime_error("no renewal is answered");
        (void)held_->release(error);
        const auto free = boot_clock()->now();
        const Clock::time_point granted = waiter_.get();
        if (granted == Clock::time_point::max()) throw std::runtime_error("the waiter gave up");
        return std::max<Seconds>(granted - free, Seconds{0});
    }

  private:
    const std::string key_;
    LockManager holder_;
    std::optional<ScopedDistributedLock> held_;
    std::future<Clock::time_point> waiter_;
};

// For how long at most a holder said that it holds what somebody else had been granted already.
Seconds longest_overlap(std::vector<support::Holding> history) {
    std::sort(history.begin(), history.end(),
              [](const auto& a, const auto& b) { return a.answered < b.answered; });
    std::map<std::string, Clock::time_point> last_yes;
    Clock::duration longest{0};
    for (const support::Holding& each : history) {
        if (!each.last_yes) continue;
        const auto [last, is_first] = last_yes.try_emplace(each.key, *each.last_yes);
        if (is_first) continue;
        longest = std::max(longest, last->second - each.answered);
        last->second = std::max(last->second, *each.last_yes);
    }
    return longest;
}

class Soak {
  public:
    Soak(const std::string& program, std::unique_ptr<Nodes> nodes, const std::string& address)
        : nodes_{std::move(nodes)},
          plain_{program, load("plain", 0, address), address},
          acknowledged_{program, load("acknowledged", nodes_->replicas(), address), address} {}

    void run(int rounds) {
        plain_.grow();
        acknowledged_.grow();
        for (int i = 0; i < rounds; ++i) {
            std::printf("round %d: ", i + 1);
            round(static_cast<Way>(i % 3), key_of(i % keys));
            std::printf("\n");
            std::fflush(stdout);
        }
    }

    // Whether all is as it must be.
    bool is_right() {
        const bool is_free = comes_free(plain_) && comes_free(acknowledged_);
        const bool are_plain = judge(plain_, support::Overlaps::may_be);
        const bool are_acknowledged = judge(acknowledged_, support::Overlaps::are_faults);
        std::printf("a waiter slept for %.2f s at most after its lock was free\n",
                    longest_sleep_.count());
        std::ifstream errors{directory_.file("errors")};
        std::string line;
        bool has_errors = false;
        for (; std::getline(errors, line); has_errors = true) std::printf("%s\n", line.c_str());
        return is_free && are_plain && are_acknowledged && !has_errors &&
               longest_sleep_ <= longest_poll + slack;
    }

  private:
    [[nodiscard]] Load load(const std::string& name, int replicas, const std::string& address) {
        std::string url = nodes_->url();
        const std::string here = "127.0.0.1";
        for (std::size_t at = 0; !address.empty() && (at = url.find(here)) != std::string::npos;) {
            url.replace(at, here.size(), address);
        }
        return {url, "hazel:lock:" + name + ':', replicas, directory_.file(name),
                directory_.file("errors")};
    }

    void round(Way way, const std::string& key) {
        constexpr std::array<const char*, 3> names{"killed", "stopped", "asked to yield"};
        const std::string full_key = plain_.load().prefix + key;
        for (int i = 0; i < 5; ++i) nodes_->move(full_key);
        Turn turn{plain_.load(), key + "turn"};
        const auto begin = std::chrono::steady_clock::now();
        const auto passed = [&] { return Seconds(std::chrono::steady_clock::now() - begin); };
        nodes_->prepare(way, full_key);
        for (Field* const each : fields_) each->expect_trouble();
        boot_clock()->sleep_until(boot_clock()->now() + lag, std::stop_token{});
        for (Field* const each : fields_) each->trouble();
        nodes_->fail_over();
        std::printf("%s, replaced after %.1f s, ", names.at(static_cast<std::size_t>(way)),
                    passed().count());
        for (Field* const each : fields_) each->calm();
        plain_.grow();
        const Seconds slept = turn.pass();
        longest_sleep_ = std::max(longest_sleep_, slept);
        std::printf("waiter %.2f s, ", slept.count());
        for (Field* const each : fields_) each->connect();
        nodes_->heal();
        std::printf("whole after %.1f s", passed().count());
        for (Field* const each : fields_) each->grow();
    }

    // All who work there end at once; each lock is free at the end of its ttl at the latest.
    static bool comes_free(Field& field) {
        field.end();
        const auto begin = std::chrono::steady_clock::now();
        LockManager locks = manager_of(field.load());
        const bool is_free = poll_until([&] { return lists_none(locks); }, ttl + slack);
        std::printf("%s %s after %.1f s\n", field.load().prefix.c_str(),
                    is_free ? "is free" : "IS STUCK",
                    Seconds(std::chrono::steady_clock::now() - begin).count());
        return is_free;
    }

    // On a busy machine a server may take too long to be asked.
    static bool lists_none(LockManager& locks) {
        try {
            return locks.list("*").empty();
        } catch (const LockError& error) {
            std::printf("%s\n", error.what());
            return false;
        }
    }

    static bool judge(const Field& field, support::Overlaps overlaps) {
        const auto history = field.history();
        const support::Verdict verdict = support::check(history, overlaps);
        const Seconds longest = longest_overlap(history);
        std::printf("%s %zu grants, %zu overlaps, the longest of %.2f s, %zu fences that fell\n",
                    field.load().prefix.c_str(), history.size(), verdict.overlaps.size(),
                    longest.count(), verdict.disorders.size());
        const bool must_be_none = overlaps == support::Overlaps::are_faults;
        if (must_be_none) std::printf("%s", verdict.text().c_str());
        for (const std::string& each : verdict.disorders) std::printf("%s\n", each.c_str());
        return verdict.disorders.empty() && (!must_be_none || verdict.overlaps.empty()) &&
               longest <= ttl + slack;
    }

    const support::TempDir directory_;
    const std::unique_ptr<Nodes> nodes_;
    Field plain_;
    Field acknowledged_;
    const std::array<Field*, 2> fields_{&plain_, &acknowledged_};
    Seconds longest_sleep_{0};
};

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words{argv, argv + argc};
    try {
        if (words.size() > 2 && words[1] == "work") Worker::run({words.begin() + 2, words.end()});
        if (words.size() < 4) return EXIT_FAILURE;
        Soak soak{words[0], words[1] == "cluster" ? cluster_in(words[2]) : sentinels_in(words[2]),
                  words.size() > 4 ? words[4] : std::string{}};
        soak.run(std::stoi(words[3]));
        return soak.is_right() ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "nodes_soak: %s\n", error.what());
        return EXIT_FAILURE;
    }
}
