// Goal: a URL, an environment or a few fields say where the locks are, and what does not is refused
// with what is missing. Method: memory, a directory of the test, and a scheme of its own, as the
// header of a backend registers one.
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>

#include <leaselock/connect.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

// The URL of the last backend that was made for the scheme of this test, as redis.hpp has one.
std::string& asked() {
    static std::string url;
    return url;
}
std::shared_ptr<Backend> make_test_backend(std::string_view url,
                                           const std::shared_ptr<Clock>& /*clock*/) {
    asked() = url;
    return std::make_shared<MemoryBackend>();
}
inline const bool knows_test = detail::register_scheme("redis:", "redis", make_test_backend);

std::string refusal(std::string_view url) {
    try {
        (void)connect(url);
    } catch (const LockError& error) {
        return error.code() == Errc::invalid_url ? error.what() : "another code";
    }
    return {};
}

class Environment : public ::testing::Test {
  public:
    Environment() {
        ::unsetenv("LEASELOCK_URL");
        ::unsetenv("LEASELOCK_PREFIX");
    }
    ~Environment() override {
        ::unsetenv("LEASELOCK_URL");
        ::unsetenv("LEASELOCK_PREFIX");
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
};

TEST(Connect, MemoryIsOfTheManagerAlone) {
    for (const std::string_view url : {"memory:", "memory://"}) {
        LockManager one = connect(url);
        LockManager other = connect(url);
        const auto lock = one.acquire("key").value();
        const auto theirs = other.acquire("key");
        EXPECT_TRUE(theirs) << url;
    }
}

TEST(Connect, FileNamesADirectory) {
    const support::TempDir home;
    LockManager one = connect("file:" + home.file("locks"));
    LockManager other = connect("file://" + home.file("locks"), {.owner = "other"});
    const auto lock = one.acquire("key").value();
    const auto theirs = other.acquire("key");
    EXPECT_FALSE(theirs);
    EXPECT_GT(lock.fencing_token(), 0U);
}

TEST(Connect, RegisteredSchemeMakesItsBackend) {
    LockManager locks = connect("redis://db:6379/0", {.prefix = "app:"});
    EXPECT_EQ(asked(), "redis://db:6379/0");
    const auto lock = locks.acquire("key", {.backend = "redis"});
    EXPECT_TRUE(lock);
}

TEST(Connect, OtherUrlsAreRefusedWithWhatIsMissing) {
    for (const std::string_view url : {"", "localhost:6379", "memory", "etcd://a", "rediss://a:1",
                                       "memory:x", "file:locks", "PG://u:secret@h"}) {
        const std::string words = refusal(url);
        EXPECT_NE(words, "") << url;
        EXPECT_NE(words, "another code") << url;
        EXPECT_EQ(words.find("secret"), std::string::npos) << words;
    }
    EXPECT_NE(refusal("rediss://a:1").find("<leaselock/redis.hpp>"), std::string::npos);
    std::error_code ec;
    EXPECT_FALSE(connect("etcd://a", {}, ec).has_value());
    EXPECT_EQ(ec, Errc::invalid_url);
}

TEST_F(Environment, SaysUrlAndPrefix) {
    ::setenv("LEASELOCK_URL", "redis://env:1", 1);
    ::setenv("LEASELOCK_PREFIX", "p:", 1);
    (void)from_environment();
    EXPECT_EQ(asked(), "redis://env:1");
    ::setenv("LEASELOCK_PREFIX", std::string(max_prefix_bytes + 1, 'p').c_str(), 1);
    EXPECT_THROW((void)from_environment(), LockError);
}

TEST(Connect, SchemeThatIsNotKnownIsNamed) {
    for (const std::string_view scheme : {"hazelcast", "redis-sentinel", "redis+tls"}) {
        try {
            (void)connect(std::string{scheme} + "://host");
            ADD_FAILURE() << scheme;
        } catch (const LockError& error) {
            EXPECT_NE(std::string_view{error.what()}.find("scheme " + std::string{scheme}),
                      std::string_view::npos)
                << error.what();
        }
    }
}

TEST_F(Environment, WithoutAUrlIsNoReasonForMemory) {
    EXPECT_THROW((void)from_environment(), LockError);
    ::setenv("LEASELOCK_URL", "", 1);
    EXPECT_THROW((void)from_environment(), LockError);
}

TEST(ForRoot, TakesTheFieldsOfADecorator) {
    LockManager locks = for_root({.backend = "redis",
                                  .prefix = "app:",
                                  .default_ttl = 12s,
                                  .redis = {.host = "db", .port = 7000}});
    EXPECT_EQ(asked(), "redis://db:7000/0");
    const auto lock = locks.acquire("key").value();
    EXPECT_GT(lock.remaining(), 10s);
    EXPECT_LE(lock.remaining(), 12s);
}

TEST(ForRoot, EncodesWhatAUrlWouldMisread) {
    (void)for_root({.backend = "redis",
                    .redis = {.host = "::1", .username = "u@x", .password = "p@ss/w:rd", .db = 2}});
    EXPECT_EQ(asked(), "redis://u%40x:p%40ss%2Fw%3Ard@[::1]:6379/2");
}

TEST(ForRoot, RefusesWhatItDoesNotKnow) {
    EXPECT_THROW((void)for_root({.backend = "Redis"}), LockError);
    EXPECT_THROW((void)for_root({.backend = "redis", .redis = {.host = "redis://db"}}), LockError);
    EXPECT_THROW((void)for_root({.backend = "redis", .redis = {.host = ""}}), LockError);
    EXPECT_NO_THROW((void)for_root({}));
}

}  // namespace
}  // namespace leaselock
