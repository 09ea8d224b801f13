// What the tests of server trouble share: managers on a server of the test's own, single backend
// operations with a token that the test knows, and the two questions that each of them asks: does
// it fail in the right family, and does the same manager work again afterwards?
//
// Thread-safety: a fixture is for the thread of its test; managers and backends are for all.
#pragma once

#include <chrono>
#include <filesystem>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/redis.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock::support {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// For what must not happen, and for what must. A bound is ten times the promise: two cores, many
// tests.
constexpr milliseconds short_timeout = 500ms;
constexpr milliseconds long_timeout = 20s;
constexpr int patience = 10;

[[nodiscard]] inline LockManager manager_on(std::shared_ptr<Backend> backend) {
    LockManager manager{{.prefix = "p:", .owner = "me"}};
    manager.register_backend("redis", std::move(backend));
    manager.set_default_backend("redis");
    return manager;
}

[[nodiscard]] inline std::shared_ptr<Backend> backend_on(const std::string& url,
                                                         milliseconds timeout = long_timeout) {
    return make_redis_backend({.url = url, .connect_timeout = timeout, .command_timeout = timeout});
}

[[nodiscard]] inline LockManager manager_on(const std::string& url,
                                            milliseconds timeout = long_timeout) {
    return manager_on(backend_on(url, timeout));
}

// One operation from its submission to its reply. The key's prefix is what goes up to its ':'.
[[nodiscard]] inline Reply run(Backend& backend, Verb verb, const std::string& key,
                               const std::string& token, milliseconds ttl = 60s,
                               milliseconds keep = 0ms) {
    Operation operation{{.verb = verb,
                         .key = key,
                         .prefix = key.find(':') + 1,
                         .token = token,
                         .ttl = ttl,
                         .keep = keep,
                         .submitted = boot_clock()->now()}};
    leaselock::detail::BlockingCall{operation}.run(backend, *boot_clock());
    return std::move(operation.reply);
}

inline void expect_failed(const Reply& reply, Errc error) {
    EXPECT_EQ(reply.outcome, Outcome::failed);
    EXPECT_EQ(reply.error, error) << make_error_code(reply.error).message() << reply.detail;
}

inline void expect_cannot_acquire(LockManager& locks, std::error_condition expected) {
    std::error_code ec;
    EXPECT_FALSE(granted(locks.acquire("other-key", {}, ec)));
    EXPECT_EQ(ec, expected) << ec.message();
}
inline void expect_cannot_acquire(LockManager& locks, Errc expected) {
    std::error_code ec;
    EXPECT_FALSE(granted(locks.acquire("other-key", {}, ec)));
    EXPECT_EQ(ec, expected) << ec.message();
}

// A section of a manager from acquire to release, as if nothing had ever been wrong.
inline void expect_works(LockManager& locks, const std::string& key = "any-key") {
    std::error_code ec;
    auto lock = locks.acquire(key, {}, ec);
    ASSERT_TRUE(lock) << ec.message();
    EXPECT_TRUE(lock->owns_lock());
    EXPECT_EQ(lock->release(ec), ReleaseResult::released) << ec.message();
}

// Lets some time pass, so that a connection counts as idle.
inline void let_idle() {
    const auto until = boot_clock()->now() + 20ms;
    ASSERT_TRUE(poll_until([&] { return boot_clock()->now() > until; }));
}

template <typename Action>
[[nodiscard]] Clock::duration time_of(const Action& action) {
    const Clock::time_point start = boot_clock()->now();
    action();
    return boot_clock()->now() - start;
}

// Of this process, open now.
[[nodiscard]] inline std::ptrdiff_t count_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

// A line of INFO, without its name; empty if there is none.
[[nodiscard]] inline std::string info(RedisServer& server, const std::string& section,
                                      const std::string& name) {
    const std::string text = server.cli("INFO", section);
    const std::size_t at = text.find("\n" + name + ":");
    if (at == std::string::npos) return {};
    const std::size_t start = at + name.size() + 2;
    return text.substr(start, text.find('\r', start) - start);
}

}  // namespace leaselock::support
