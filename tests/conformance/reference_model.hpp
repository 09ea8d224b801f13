// The contract of a backend in forty lines: one lock a key, an end, a fence. And a run of random
// operations that holds a real backend against it.
//
// The run is repeatable: LEASELOCK_TEST_SEED=n chooses it, and every failure names the seed.
#pragma once

#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <leaselock/testing/detail/conformance_case.hpp>

namespace leaselock::testing {

class ReferenceModel {
  public:
    struct Lock {
        std::string token;
        Clock::time_point end;
        std::uint64_t fence;
        bool kept;
    };

    // Who has the key at `now`; null if it is free.
    Lock* holder(const std::string& key, Clock::time_point now) {
        const auto found = locks_.find(key);
        return found == locks_.end() || found->second.end <= now ? nullptr : &found->second;
    }
    Lock* mine(const std::string& key, const std::string& token, Clock::time_point now) {
        Lock* const lock = holder(key, now);
        return lock != nullptr && !lock->kept && lock->token == token ? lock : nullptr;
    }

    // What the outcome of a request at `now` must be.
    Outcome expect(const Request& request, Clock::time_point now) {
        const std::string key{request.key};
        const bool is_mine = mine(key, std::string(request.token), now) != nullptr;
        switch (request.verb) {
            case Verb::acquire:
                return is_mine || holder(key, now) == nullptr ? Outcome::granted : Outcome::held;
            case Verb::renew: return is_mine ? Outcome::renewed : Outcome::lost;
            case Verb::release: return is_mine ? Outcome::released : Outcome::lost;
            case Verb::inspect: break;
        }
        return holder(key, now) == nullptr ? Outcome::free : Outcome::held;
    }

    // Does what was asked, if it was the outcome; `fence` is what the backend minted.
    void apply(const Request& request, Outcome outcome, std::uint64_t fence,
               Clock::time_point now) {
        const std::string key{request.key};
        const std::string token{request.token};
        Lock* const own = mine(key, token, now);
        if (outcome == Outcome::granted && own == nullptr) {
            locks_[key] = {token, now + request.ttl, fence, false};
            last_fence_[key] = fence;
        } else if (outcome == Outcome::granted || outcome == Outcome::renewed) {
            own->end = std::max(own->end, now + request.ttl);
        } else if (outcome == Outcome::released) {
            own->kept = true;
            own->end = now + request.keep;
        }
    }

    [[nodiscard]] std::uint64_t last_fence(const std::string& key) { return last_fence_[key]; }

  private:
    std::map<std::string, Lock> locks_;
    std::map<std::string, std::uint64_t> last_fence_;
};

// Random operations of a few owners on a few keys, over two clients. With `exact` time the leases
// end in the middle of it, to the nanosecond; else they are long, or are waited out at once.
class RandomRun {
  public:
    RandomRun(BackendFixture& fixture, bool exact)
        : fixture_{fixture}, exact_{exact}, clients_{Client{fixture}, Client{fixture}} {
        const char* const chosen = std::getenv("LEASELOCK_TEST_SEED");
        seed_ =
            chosen != nullptr ? static_cast<unsigned>(std::stoul(chosen)) : std::random_device{}();
        random_.seed(seed_);
        ::testing::Test::RecordProperty("seed", std::to_string(seed_));
    }

    void run(int steps) {
        SCOPED_TRACE("LEASELOCK_TEST_SEED=" + std::to_string(seed_));
        for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
            SCOPED_TRACE("step " + std::to_string(step));
            one_step(step);
        }
    }

    // How often each outcome was seen, so that a test can tell that the run met them all.
    [[nodiscard]] int seen(Outcome outcome) { return seen_[outcome]; }

  private:
    using Client = detail::Client;
    static constexpr std::chrono::milliseconds brief{10};

    unsigned below(unsigned end) { return static_cast<unsigned>(random_()) % end; }

    std::chrono::milliseconds length() {
        if (exact_) return std::chrono::milliseconds{1 + below(200)};
        return below(4) == 0 ? brief : detail::long_term;
    }

    // Half of the time the holder's; else a new one, or one of the past: retries, late renewals,
    // late releases.
    std::string token(const std::string& key) {
        const auto* const holder = model_.holder(key, fixture_.clock()->now());
        if (holder != nullptr && below(2) == 0) return holder->token;
        if (tokens_.empty() || below(2) == 0) tokens_.push_back(detail::new_token());
        const std::size_t recent = std::min<std::size_t>(tokens_.size(), 6);
        return tokens_[tokens_.size() - 1 - below(static_cast<unsigned>(recent))];
    }

    // Where locks stay for an hour there are new keys from time to time.
    std::string key(int step) {
        const std::string name(1, "abc"[below(3)]);
        return detail::key_of(fixture_, exact_ ? name : name + std::to_string(step / 50));
    }

    void one_step(int step) {
        const std::string name = key(step);
        const std::string owner = token(name);
        Request request{.verb = static_cast<Verb>(below(4)), .key = name, .token = owner};
        if (request.verb == Verb::acquire || request.verb == Verb::renew) request.ttl = length();
        if (request.verb == Verb::release && below(2) == 0) request.keep = length();
        compare(request);
        if (exact_ && below(3) == 0) fixture_.settle(std::chrono::milliseconds{below(100)});
        // Where the time is the store's own, a short lease must be over before the next poll.
        if (!exact_ && std::max(request.ttl, request.keep) == brief) {
            fixture_.settle(brief + std::chrono::milliseconds{2});
        }
    }

    void compare_holder(const Request& request, const Reply& reply,
                        const ReferenceModel::Lock& holder, Clock::time_point now) const {
        EXPECT_EQ(reply.holder, holder.token);
        EXPECT_EQ(reply.kept, holder.kept);
        if (request.verb == Verb::inspect) {
            EXPECT_GE(reply.fencing_token, holder.fence);
        }
        if (exact_) {
            EXPECT_EQ(reply.remaining,
                      std::chrono::ceil<std::chrono::milliseconds>(holder.end - now));
        }
    }

    void compare(const Request& request) {
        const auto now = fixture_.clock()->now();
        const std::string key{request.key};
        const Reply reply = clients_[below(2)].ask(request);
        const Outcome expected = model_.expect(request, now);
        ASSERT_EQ(reply.outcome, expected) << reply.detail;
        ++seen_[expected];
        const auto* const before = model_.holder(key, now);
        if (expected == Outcome::held) {
            compare_holder(request, reply, *before, now);
        } else if (expected == Outcome::granted && before != nullptr) {
            EXPECT_GE(reply.fencing_token, before->fence);
        } else if (expected == Outcome::granted) {
            EXPECT_GT(reply.fencing_token, model_.last_fence(key));
        }
        model_.apply(request, expected, reply.fencing_token, now);
    }

    BackendFixture& fixture_;
    const bool exact_;
    unsigned seed_ = 0;
    std::mt19937 random_;
    Client clients_[2];
    std::vector<std::string> tokens_;
    ReferenceModel model_;
    std::map<Outcome, int> seen_;
};

// A run that met no contention, or no loss, would show little.
inline void expect_all_outcomes_seen(RandomRun& run, int often) {
    for (const Outcome outcome : {Outcome::granted, Outcome::held, Outcome::free, Outcome::renewed,
                                  Outcome::released, Outcome::lost}) {
        EXPECT_GE(run.seen(outcome), often) << ::testing::PrintToString(outcome);
    }
}

}  // namespace leaselock::testing
