// Goal: where locks hang on a session with the store, its end is a loss of all of them at once,
// which says so; and of no others. Method: a toy store over the one in memory with a session that
// the test ends, on a clock that stands still until it is moved.
#include <atomic>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <leaselock/memory_backend.hpp>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using Sleep = testing::ManualClock::Sleep;

// What was acquired before end() is not ours any more.
class SessionStore final : public Backend {
  public:
    using Backend::submit;

    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const each : operations) {
            Operation inner{each->request};
            inner_.submit(inner);
            each->reply = std::move(inner.reply);
            judge(*each);
            each->complete();
        }
    }
    void end() { ++session_; }

  private:
    void judge(Operation& operation) {
        const std::lock_guard lock{mutex_};
        const std::string token{operation.request.token};
        if (operation.request.verb == Verb::acquire) sessions_.emplace(token, session_);
        const bool is_old = sessions_[token] != session_;
        const Verb verb = operation.request.verb;
        if (!is_old || (verb != Verb::renew && verb != Verb::release)) return;
        operation.reply.outcome = Outcome::lost;
        operation.reply.error = Errc::session_expired;
    }

    std::atomic<int> session_{0};
    std::mutex mutex_;
    std::map<std::string, int> sessions_;
    MemoryBackend inner_;
};

class LossLog final : public Observer {
  public:
    void on_lost(const LockEvent& event) override {
        const std::lock_guard lock{mutex_};
        losses_.emplace_back(event.error);
    }
    [[nodiscard]] std::vector<Errc> losses() const {
        const std::lock_guard lock{mutex_};
        return losses_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<Errc> losses_;
};

class SessionLoss : public ::testing::Test {
  protected:
    SessionLoss() {
        locks_.register_backend("store", store_);
        locks_.register_backend("another", std::make_shared<MemoryBackend>());
        locks_.set_default_backend("store");
    }
    auto held(const std::string& key, const std::string& backend = {}) {
        return locks_.acquire(key, {.ttl = 30s, .backend = backend}).value();
    }
    void pass(Clock::duration time) {
        clock_->wait_for_background();
        clock_->advance(time);
        clock_->wait_for_background();
    }

    const std::shared_ptr<testing::ManualClock> clock_ =
        std::make_shared<testing::ManualClock>(Sleep::blocking);
    const std::shared_ptr<SessionStore> store_ = std::make_shared<SessionStore>();
    const std::shared_ptr<LossLog> log_ = std::make_shared<LossLog>();
    LockManager locks_{{.owner = "tester:1", .clock = clock_, .observer = log_}};
};

TEST_F(SessionLoss, AllLocksOfASessionAreLostAtOnceAndSayWhy) {
    const auto first = held("first");
    pass(5s);
    const auto second = held("second");
    const auto third = held("third");
    const auto elsewhere = held("first", "another");
    store_->end();
    const auto later = held("later");
    EXPECT_TRUE(first.owns_lock() && second.owns_lock()) << "nobody knows";
    pass(5s);  // the first one is renewed, and the others would be 5 s later
    const auto are_lost = [&] {
        return !first.owns_lock() && !second.owns_lock() && !third.owns_lock();
    };
    EXPECT_TRUE(poll_until(are_lost));
    EXPECT_TRUE(later.owns_lock()) << "by another session";
    EXPECT_TRUE(elsewhere.owns_lock());
    try {
        second.ensure();
        FAIL() << "held for ever";
    } catch (const LockLost& loss) {
        EXPECT_EQ(loss.cause(), LockLost::Cause::session_expired);
        EXPECT_EQ(loss.code(), Errc::session_expired);
        EXPECT_EQ(loss.code(), Family::lost);
        EXPECT_NE(std::string{loss.what()}.find("session"), std::string::npos);
    }
    EXPECT_TRUE(poll_until([&] { return log_->losses().size() == 3; }));
    EXPECT_EQ(log_->losses(), std::vector<Errc>(3, Errc::session_expired));
}

TEST_F(SessionLoss, ReleaseThatFindsTheSessionEndedIsALossOfTheOthersToo) {
    auto first = held("first");
    const auto second = held("second");
    pass(1s);
    store_->end();
    EXPECT_EQ(first.release(), ReleaseResult::lost);
    EXPECT_TRUE(poll_until([&] { return !second.owns_lock(); })) << "though no time has passed";
}

TEST_F(SessionLoss, ExtensionThatFindsTheSessionEndedIsALossOfTheOthersToo) {
    auto first = held("first");
    const auto second = held("second");
    pass(1s);
    store_->end();
    std::error_code ec;
    first.extend(40s, ec);
    EXPECT_EQ(ec, Family::lost);
    EXPECT_TRUE(poll_until([&] { return !second.owns_lock(); }));
}

}  // namespace
}  // namespace leaselock
