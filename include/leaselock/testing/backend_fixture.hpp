// What the conformance suite needs to know of a backend under test: how to make one, how its time
// passes, and how to look at its store from outside. The author of a backend derives from
// BackendFixture, or from LinkFixture if the store is behind a link that can break. Each case of
// the suite gets a fixture of its own.
//
// Thread-safety: make() and clock() are called by several threads at once, the rest by one.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/blocking_call.hpp>

namespace leaselock::testing {

class BackendFixture {
  public:
    BackendFixture() = default;
    BackendFixture(const BackendFixture&) = delete;
    BackendFixture& operator=(const BackendFixture&) = delete;
    virtual ~BackendFixture() = default;

    // A backend such as another process would have: an object of its own for the same store, if
    // that is not in this process. Its end is to the store what the end of that process is. What it
    // promises by guarantees() says which cases are for it.
    [[nodiscard]] virtual std::shared_ptr<Backend> make() = 0;

    // What the backends count on. Never null.
    [[nodiscard]] virtual std::shared_ptr<Clock> clock() = 0;

    // Returns when at least `d` has passed at the store and on the clock. With a ManualClock
    // (blocking) it moves the time; with a store that has a time of its own it asks that store
    // until it agrees. Never a blind sleep.
    virtual void settle(std::chrono::milliseconds d) = 0;

    // The owner token that the store has under the key, or whatever else is there; nothing if it is
    // free. For a store that has another way in than a backend, which shows what no backend can;
    // else a backend is asked.
    [[nodiscard]] virtual std::optional<std::string> raw_holder(const std::string& key) {
        const auto backend = make();
        const auto time = clock();
        Operation inspection{{.verb = Verb::inspect, .key = key, .submitted = time->now()}};
        leaselock::detail::BlockingCall{inspection}.run(*backend, *time);
        if (inspection.reply.outcome == Outcome::free) return std::nullopt;
        return inspection.reply.holder;
    }

    // The lease that cases wait out: long enough that a few operations always end within it, even
    // on a slow machine.
    [[nodiscard]] virtual std::chrono::milliseconds term() const = 0;

    // Whether the store keeps an owner token and a ttl for each lock, so that an inspect sees
    // who holds it and for how long, any backend can act for a token, and a queue can be seen. One
    // that knows a lock by its client's session alone is left out of the cases that are about that.
    [[nodiscard]] virtual bool keeps_tokens() const { return true; }

    // All that the store has is gone, as after a restart without its data; no backend is there
    // then. For a store that promises fences which rise all the same.
    virtual void lose_data() { throw std::logic_error("the fixture does not lose the data"); }

    // Put before every key.
    [[nodiscard]] virtual std::string prefix() const { return "hazel:lock:"; }
};

class LinkFixture : public BackendFixture {
  public:
    // From now on no operation reaches the store, or none of its answers comes back.
    virtual void break_link() = 0;
    // The same backends work again, at once or soon. The store may have lost its data.
    virtual void heal_link() = 0;

    // The longest time that one operation may take while the link is broken.
    [[nodiscard]] virtual std::chrono::milliseconds patience() const = 0;
};

}  // namespace leaselock::testing
