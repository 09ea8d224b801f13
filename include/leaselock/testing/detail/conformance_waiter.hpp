// Who takes part in the cases of a queue: somebody who waits for a key, and somebody who holds it.
#pragma once

#include <atomic>
#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/testing/detail/conformance_case.hpp>

namespace leaselock::testing::detail {

// A waiter for a key with a token of its own, which records the messages that it got.
class QueueWaiter final : private Listener {
  public:
    QueueWaiter(BackendFixture& fixture, const Client& client, const std::string& key,
                milliseconds entry_life = long_term, Claim claim = {})
        : QueueWaiter(fixture, client, std::make_unique<Names>(Names{key, new_token()}), entry_life,
                      claim) {}
    QueueWaiter(const QueueWaiter&) = delete;
    QueueWaiter& operator=(const QueueWaiter&) = delete;
    virtual ~QueueWaiter() { forget(); }

    using Listener::token;

    // One acquire, which takes or keeps a queue entry.
    Reply ask(milliseconds ttl = long_term) {
        ttl_ = ttl;
        Reply reply = client_.ask({.verb = Verb::acquire,
                                   .key = names_->key,
                                   .token = names_->token,
                                   .ttl = ttl,
                                   .claim = claim_,
                                   .listener = this,
                                   .entry_life = entry_life_});
        return reply;
    }
    // Polls until it is notified of hand-offs, or is no waiter any more; the last answer.
    Reply queue_up() {
        Reply reply;
        const bool settled = settle_until(fixture_, 10s, [&] {
            reply = ask();
            return reply.told || !reply.queued;
        });
        EXPECT_TRUE(settled) << "hand-offs are never told";
        is_to_poll_ = false;
        return reply;
    }
    // The message that came; waits a while for it. An empty one: none came. A backend may say
    // poll() alone, as Redis does where replicas must acknowledge what is believed: then the lock
    // is the waiter's by its next acquire.
    HandOff message() {
        const bool came = settle_until(fixture_, 10s, [&] {
            if (messages().empty()) poll_if_notified();
            return !messages().empty();
        });
        EXPECT_TRUE(came) << "no message";
        return came ? messages().front() : HandOff{};
    }
    [[nodiscard]] std::vector<HandOff> messages() {
        const std::lock_guard lock{mutex_};
        return messages_;
    }
    void forget() { client_.backend()->forget(*this); }
    Reply release() { return client_.release(names_->key, names_->token, 0ms, claim_); }

  private:
    // The texts that the listener's views look at.
    struct Names {
        std::string key;
        std::string token;
    };
    QueueWaiter(BackendFixture& fixture, Client client, std::unique_ptr<const Names> names,
                milliseconds entry_life, Claim claim)
        : Listener{names->key, names->token},
          fixture_{fixture},
          client_{std::move(client)},
          names_{std::move(names)},
          entry_life_{entry_life},
          claim_{claim} {}

    WakeUp handed_over(const HandOff& what) noexcept override {
        const std::lock_guard lock{mutex_};
        messages_.push_back(what);
        return {};
    }
    WakeUp poll() noexcept override {
        is_to_poll_ = true;
        return {};
    }
    void poll_if_notified() {
        if (!is_to_poll_.exchange(false)) return;
        const Reply reply = ask(ttl_);
        if (reply.outcome == Outcome::granted) (void)handed_over({reply.fencing_token, ttl_});
    }

    BackendFixture& fixture_;
    Client client_;
    const std::unique_ptr<const Names> names_;
    const milliseconds entry_life_;
    const Claim claim_;
    milliseconds ttl_ = long_term;  // of the last acquire
    std::atomic<bool> is_to_poll_{false};
    std::mutex mutex_;  // guards the rest
    std::vector<HandOff> messages_;
};

// A key that somebody holds.
class HeldKey {
  public:
    explicit HeldKey(BackendFixture& fixture, milliseconds ttl = long_term)
        : key{key_of(fixture)}, client{fixture} {
        const Reply reply = client.acquire(key, holder, ttl);
        EXPECT_EQ(reply.outcome, Outcome::granted);
        fence = reply.fencing_token;
    }
    void release(milliseconds keep = 0ms) {
        EXPECT_EQ(client.release(key, holder, keep).outcome, Outcome::released);
    }

    const std::string key;
    const std::string holder = new_token();
    Client client;
    std::uint64_t fence = 0;
};

}  // namespace leaselock::testing::detail
