// What the cases of the conformance suite have in common: a client that asks one thing and gives
// the reply, names for keys and owners, and waiting.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/testing/backend_fixture.hpp>

namespace leaselock {

// So that GoogleTest shows an outcome by its name.
inline void PrintTo(Outcome outcome, std::ostream* out) {
    constexpr const char* names[] = {"granted",  "held", "free",  "renewed",
                                     "released", "lost", "failed"};
    *out << names[static_cast<std::size_t>(outcome)];
}

}  // namespace leaselock

namespace leaselock::testing::detail {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

// A test by name.
template <class Fixture>
struct Case {
    const char* name;
    void (*run)(Fixture&);
    Guarantees needs{};      // what the store has to promise for it
    bool of_tokens = false;  // for a store that keeps_tokens()
};
inline constexpr Guarantees keeping{.min_hold = true};
inline constexpr bool of_tokens = true;

// Longer than any case runs: a lease of this length does not end by itself.
inline constexpr milliseconds long_term = 1h;
inline constexpr std::uint64_t fence_end = std::uint64_t{1} << 53;

// A token as a manager makes them, new at each call.
inline std::string new_token(std::string_view owner = "tester:1") {
    constexpr std::string_view digits = "0123456789abcdef";
    std::random_device random;
    std::string token{owner};
    token += '/';
    for (int i = 0; i < 32; ++i) token += digits[random() % digits.size()];
    return token;
}

// One user of the store.
class Client {
  public:
    explicit Client(BackendFixture& fixture)
        : backend_{fixture.make()}, clock_{fixture.clock()}, prefix_{fixture.prefix().size()} {}

    Reply acquire(std::string_view key, std::string_view token, milliseconds ttl = long_term,
                  Claim claim = {}) {
        return ask({.verb = Verb::acquire, .key = key, .token = token, .ttl = ttl, .claim = claim});
    }
    Reply renew(std::string_view key, std::string_view token, milliseconds ttl = long_term,
                Claim claim = {}) {
        return ask({.verb = Verb::renew, .key = key, .token = token, .ttl = ttl, .claim = claim});
    }
    Reply release(std::string_view key, std::string_view token, milliseconds keep = 0ms,
                  Claim claim = {}) {
        return ask(
            {.verb = Verb::release, .key = key, .token = token, .keep = keep, .claim = claim});
    }
    Reply inspect(std::string_view key) { return ask({.verb = Verb::inspect, .key = key}); }

    // As a manager does it: submitted now, waited for, cancelled when its time is over.
    Reply ask(Request request) {
        request.prefix = prefix_;
        request.submitted = clock_->now();
        Operation operation{request};
        leaselock::detail::BlockingCall{operation}.run(*backend_, *clock_);
        return std::move(operation.reply);
    }

    [[nodiscard]] const std::shared_ptr<Backend>& backend() const noexcept { return backend_; }

  private:
    std::shared_ptr<Backend> backend_;
    std::shared_ptr<Clock> clock_;
    std::size_t prefix_;  // all keys of the suite have it
};

// Once around, on another key: the link is open and the store knows all commands, as one that has
// worked for a while. So a command that comes late has all it needs to do harm.
[[nodiscard]] inline bool warm_up(BackendFixture& fixture, Client& client) {
    const std::string key = fixture.prefix() + "warm-up";
    const std::string token = new_token();
    return client.acquire(key, token).outcome == Outcome::granted &&
           client.renew(key, token).outcome == Outcome::renewed &&
           client.release(key, token).outcome == Outcome::released &&
           client.inspect(key).outcome == Outcome::free;
}

inline std::string key_of(const BackendFixture& fixture, std::string_view name = "conformance") {
    return fixture.prefix() + std::string(name);
}

// Lets time pass in small steps, no faster than other threads can follow, until `condition` holds;
// false if it still does not when `limit` has passed on the fixture's clock and in this process.
template <class Condition>
[[nodiscard]] bool settle_until(BackendFixture& fixture, milliseconds limit, Condition condition) {
    const auto clock = fixture.clock();
    const auto end = clock->now() + limit;
    const auto patience = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        const bool over = clock->now() >= end;
        if (over && std::chrono::steady_clock::now() >= patience) return false;
        if (!over) fixture.settle(std::max(fixture.term() / 200, 1ms));
        (void)Waker{}.wait(1ms);
    }
    return true;
}

// Longer than any wait of a case lasts that ends as it should. None is for ever, so that a store
// whose leases never end fails its cases and hangs none.
[[nodiscard]] inline milliseconds patience_of(const BackendFixture& fixture) {
    return std::max<milliseconds>(60 * fixture.term(), 60s);
}

// The end of a lease can be seen by another only when it is over.
inline milliseconds time_until_free(BackendFixture& fixture, Client& other, std::string_view key,
                                    Clock::time_point begin, milliseconds limit) {
    const std::string token = new_token();
    const bool freed = settle_until(
        fixture, limit, [&] { return other.acquire(key, token).outcome == Outcome::granted; });
    return freed ? std::chrono::ceil<milliseconds>(fixture.clock()->now() - begin)
                 : milliseconds::max();
}

}  // namespace leaselock::testing::detail
