// Goal: whatever is late, a latch opens when as many calls have counted as must, in this life of
// it. Method: a real server; the same command is sent once more, as the copy of a command that lay
// in a socket for a while, after the latch was reset or has ended by its time.
#include <gtest/gtest.h>

#include <leaselock/testing/detail/conformance_latch.hpp>

#include "conformance/redis_fixture.hpp"

namespace leaselock::testing {
namespace {

using detail::awaits_two;
using detail::counts_two;
using detail::long_term;
using detail::new_token;

class Fixture final : public RedisFixture {
  public:
    using RedisFixture::server;

  private:
    RedisOptions login() override { return {.url = server().url()}; }
};

class RedisLatch : public ::testing::Test {
  protected:
    Outcome count(const std::string& token, std::chrono::milliseconds ttl = long_term) {
        return detail::take(client_, "latch", token, counts_two, ttl);
    }
    int counted() { return client_.inspect("latch").shares; }

    Fixture fixture_;
    detail::Client client_{fixture_};
};

TEST_F(RedisLatch, LateCountDoesNotCountForTheNextLife) {
    const std::string first = new_token();
    const std::string second = new_token();
    for (const std::string& token : {first, second}) {
        ASSERT_EQ(count(token), Outcome::granted);
    }
    ASSERT_EQ(detail::reset_latch(client_, "latch", 2).outcome, Outcome::released);
    for (const std::string& token : {first, second}) {
        EXPECT_EQ(count(token), Outcome::granted) << "the copy is a retry: it was counted";
    }
    EXPECT_EQ(counted(), 0);
    EXPECT_EQ(detail::take(client_, "latch", new_token(), awaits_two), Outcome::held);
    for (int i = 0; i < 2; ++i) EXPECT_EQ(count(new_token()), Outcome::granted);
    EXPECT_EQ(detail::take(client_, "latch", new_token(), awaits_two), Outcome::granted);
}

TEST_F(RedisLatch, LateCountDoesNotCountAfterTheTtl) {
    const std::string token = new_token();
    ASSERT_EQ(count(token, fixture_.term()), Outcome::granted);
    fixture_.settle(fixture_.term() + detail::rounding);
    EXPECT_EQ(count(token), Outcome::granted);
    EXPECT_EQ(counted(), 0);
    EXPECT_EQ(count(new_token()), Outcome::granted);
    EXPECT_EQ(counted(), 1);
}

TEST_F(RedisLatch, ThoseWhoCountedAreForgottenTwoHoursAfterAReset) {
    constexpr const char* table = "{latch}:ll:h";
    ASSERT_EQ(count(new_token()), Outcome::granted);
    ASSERT_EQ(detail::reset_latch(client_, "latch", 2).outcome, Outcome::released);
    EXPECT_LE(std::stoll(fixture_.server().cli("PTTL", table)), 7'200'000);
    // As if that time had passed, and the latch had been used meanwhile.
    fixture_.server().cli("ZADD", table, "1000", "old/0");
    ASSERT_EQ(count(new_token()), Outcome::granted);
    EXPECT_EQ(fixture_.server().cli("ZSCORE", table, "old/0"), "(nil)");
    EXPECT_EQ(counted(), 1);
}

}  // namespace
}  // namespace leaselock::testing
