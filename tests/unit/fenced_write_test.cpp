// Goal: the script that docs/guide/fencing.md shows for fenced writes on Redis takes them in the
// order of their tokens, exactly, and leaves nothing behind without a life. Method:
// examples/fenced_write.lua on a real redis-server, with tokens of every kind and with those of two
// holders.
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <stdexcept>
#include <string>

#include <leaselock/redis.hpp>

#include "support/patient.hpp"
#include "support/redis_server.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class FencedWrite : public ::testing::Test {
  protected:
    FencedWrite() {
        std::ifstream file{LEASELOCK_FENCED_WRITE};
        script_.assign(std::istreambuf_iterator<char>{file}, {});
    }

    std::string write(const std::string& token, const std::string& value,
                      const std::string& life = "60000") {
        return server_.cli("EVAL", script_, "1", "document", token, value, life);
    }
    std::string field(const std::string& name) { return server_.cli("HGET", "document", name); }

    std::string script_;
    support::RedisServer server_;
};

TEST_F(FencedWrite, TakesRisingTokensAndTheSameHolderAgain) {
    EXPECT_EQ(write("7", "one"), "1");
    EXPECT_EQ(write("7", "two"), "1");
    EXPECT_EQ(write("8", "three"), "1");
    EXPECT_EQ(field("value"), "three");
    EXPECT_EQ(field("fence"), "8");
}

TEST_F(FencedWrite, RefusesAnOlderHolderAndChangesNothing) {
    EXPECT_EQ(write("10", "young"), "1");
    EXPECT_EQ(write("9", "old", "600000"), "0");
    EXPECT_EQ(field("value"), "young");
    EXPECT_EQ(field("fence"), "10");
    EXPECT_LE(std::stol(server_.cli("PTTL", "document")), 60000);
}

TEST_F(FencedWrite, ComparesTheHighestTokensExactly) {
    EXPECT_EQ(write("9007199254740991", "highest"), "1");
    EXPECT_EQ(write("9007199254740990", "one less"), "0");
    EXPECT_EQ(field("fence"), "9007199254740991");
}

TEST_F(FencedWrite, StoresTheTokenBesideTheValueForTheGivenLife) {
    EXPECT_EQ(write("7", "text", "60000"), "1");
    EXPECT_EQ(server_.cli("KEYS", "*"), "document");
    const long life = std::stol(server_.cli("PTTL", "document"));
    EXPECT_GT(life, 0);
    EXPECT_LE(life, 60000);
}

TEST_F(FencedWrite, RefusesWhatIsNoNumberInRangeBeforeItWrites) {
    for (const char* bad : {"0", "-1", "1.5", "1e3", "0x10", "", "nan", "9007199254740992"}) {
        EXPECT_THROW(write(bad, "text"), std::runtime_error) << bad;
        EXPECT_THROW(write("7", "text", bad), std::runtime_error) << bad;
    }
    EXPECT_EQ(server_.cli("DBSIZE"), "0");
    EXPECT_EQ(write("7", "text", "9007199254740991"), "1");
}

TEST_F(FencedWrite, LeavesAStoredTokenThatIsNoneAlone) {
    server_.cli("HSET", "document", "value", "foreign", "fence", "none");
    EXPECT_THROW(write("7", "text"), std::runtime_error);
    EXPECT_EQ(field("value"), "foreign");
}

TEST_F(FencedWrite, KeepsOutAHolderThatLostItsLock) {
    LockManager locks = connect(support::patient(server_.url()));
    const auto slow = locks.acquire("document", {.ttl = 1s, .renewal = Renewal::off});
    const auto next = locks.acquire("document", {.wait_timeout = 20s});
    ASSERT_TRUE(slow && next);
    EXPECT_EQ(write(std::to_string(next->fencing_token()), "young"), "1");
    EXPECT_EQ(write(std::to_string(slow->fencing_token()), "old"), "0");
    EXPECT_EQ(field("value"), "young");
}

}  // namespace
}  // namespace leaselock
