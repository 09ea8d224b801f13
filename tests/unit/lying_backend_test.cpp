// Goal: whatever a backend of somebody else answers, no call believes what its request cannot have,
// and none touches what is not there: an entry of a queue where none was asked for, an outcome of
// another verb, a failure that is none, keys that are not asked for. Each is protocol_error, so
// that what was asked counts as perhaps done. Method: a backend that answers everything as it is
// told.
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/backend.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/coroutines.hpp"
#include "support/poll_until.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::Detached;
using support::poll_until;

class Liar final : public Backend {
  public:
    using Backend::submit;
    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const each : operations) {
            ++asked_;
            each->reply = honest_ ? honest_answer(each->request.verb) : lie();
            if (each->request.listener != nullptr) listener_ = each->request.listener;
            each->complete();
        }
    }
    void forget(Listener& listener) noexcept override {
        if (listener_ == &listener) listener_ = nullptr;
    }
    std::vector<std::string> list(std::string_view, std::string_view) override { return keys_; }

    // The engine may ask at the same time: what the lie before this one left to release.
    void lie(const Reply& reply) {
        const std::lock_guard lock{mutex_};
        lie_ = reply;
        honest_ = false;
    }
    void be_honest() { honest_ = true; }
    void list_these(std::vector<std::string> keys) { keys_ = std::move(keys); }
    [[nodiscard]] int asked() const { return asked_; }
    [[nodiscard]] bool has_listener() const { return listener_ != nullptr; }

  private:
    Reply lie() {
        const std::lock_guard lock{mutex_};
        return lie_;
    }
    static Reply honest_answer(Verb verb) {
        Reply reply;
        reply.fencing_token = 1;
        reply.store_time = 1'700'000'000'000'000;
        constexpr Outcome outcomes[]{Outcome::granted, Outcome::renewed, Outcome::released,
                                     Outcome::free};
        reply.outcome = outcomes[static_cast<std::size_t>(verb)];
        return reply;
    }

    std::atomic<bool> honest_{true};
    std::atomic<int> asked_{0};
    std::mutex mutex_;
    Reply lie_{};
    std::vector<std::string> keys_;
    std::atomic<Listener*> listener_{nullptr};
};

Reply answer(Outcome outcome) {
    Reply reply;
    reply.outcome = outcome;
    reply.fencing_token = 7;
    reply.remaining = 1s;
    reply.holder = "him/0123456789abcdef0123456789abcdef";
    return reply;
}

Reply queued(Outcome outcome, bool first = false) {
    Reply reply = answer(outcome);
    reply.queued = true;
    reply.first = first;
    return reply;
}

Reply failure(Errc error) {
    Reply reply = answer(Outcome::failed);
    reply.error = error;
    return reply;
}

Reply grant_for(std::chrono::milliseconds ttl) {
    Reply reply = answer(Outcome::granted);
    reply.ttl = ttl;
    return reply;
}

const std::vector<Reply> acquire_lies{
    grant_for(-1ms),          grant_for(std::chrono::milliseconds::min()),
    queued(Outcome::held),    queued(Outcome::held, true),
    queued(Outcome::granted), answer(Outcome::free),
    answer(Outcome::renewed), answer(Outcome::released),
    answer(Outcome::lost),    queued(Outcome::failed),
    failure(Errc{}),          failure(Errc::held),
    failure(Errc::lost),      answer(static_cast<Outcome>(99)),
    failure(Errc::cancelled)};

class LyingBackend : public ::testing::Test {
  protected:
    LyingBackend() { locks_.register_backend("liar", liar_); }
    void TearDown() override {
        liar_->be_honest();
        EXPECT_FALSE(liar_->has_listener()) << "what is gone is not to be called";
    }
    template <class Call>
    void expect_protocol_error(const Call& call) {
        std::error_code ec;
        call(ec);
        EXPECT_EQ(ec, Errc::protocol_error) << ec.message();
    }

    std::shared_ptr<Liar> liar_ = std::make_shared<Liar>();
    LockManager locks_{{.backend = "liar", .shutdown_timeout = 100ms}};
};

TEST_F(LyingBackend, AcquireThatDoesNotWaitBelievesNoEntry) {
    for (const Reply& lie : acquire_lies) {
        liar_->lie(lie);
        expect_protocol_error(
            [&](auto& ec) { EXPECT_FALSE(granted(locks_.try_acquire("key", {}, ec))); });
        EXPECT_THROW((void)locks_.try_acquire("key"), LockError);
        expect_protocol_error([&](auto& ec) {
            EXPECT_FALSE(granted(locks_.acquire("key", {.wait_timeout = 0ms}, ec)))
                << "the last poll";
        });
    }
}

TEST_F(LyingBackend, WaiterBelievesNoOutcomeOfAnotherVerb) {
    for (const Reply& lie : {answer(Outcome::free), answer(Outcome::lost), queued(Outcome::granted),
                             failure(Errc::held)}) {
        liar_->lie(lie);
        expect_protocol_error([&](auto& ec) {
            EXPECT_FALSE(granted(locks_.acquire("key", {.wait_timeout = 20ms}, ec)));
        });
    }
}

TEST_F(LyingBackend, CoroutineThatDoesNotWaitBelievesNoEntry) {
    for (const Reply& lie : acquire_lies) {
        liar_->lie(lie);
        std::atomic<bool> done{false};
        std::error_code ec;
        auto run = [&]() -> Detached {
            try {
                (void)co_await locks_.async_acquire("key");
            } catch (const LockError& error) {
                ec = error.code();
            }
            done = true;
        };
        run();
        ASSERT_TRUE(poll_until([&] { return done.load(); }));
        EXPECT_EQ(ec, Errc::protocol_error) << ec.message();
    }
}

TEST_F(LyingBackend, InspectionTellsNoLockFreeByAnAnswerToSomethingElse) {
    for (const Reply& lie :
         {answer(Outcome::granted), answer(Outcome::renewed), answer(Outcome::released),
          answer(Outcome::lost), queued(Outcome::held), failure(Errc::held)}) {
        liar_->lie(lie);
        liar_->list_these({"hazel:lock:key"});
        expect_protocol_error([&](auto& ec) { (void)locks_.inspect("key", {}, ec); });
        expect_protocol_error([&](auto& ec) { (void)locks_.list("*", {}, ec); });
        expect_protocol_error([&](auto& ec) { (void)locks_.force_release("key", {}, ec); });
        CountDownLatch latch{locks_, "latch", 2};
        expect_protocol_error([&](auto& ec) { (void)latch.count(ec); });
    }
}

TEST_F(LyingBackend, LatchIsNotEndedByAnAnswerToSomethingElse) {
    CountDownLatch latch{locks_, "latch", 2};
    for (const Reply& lie : {answer(Outcome::granted), answer(Outcome::held)}) {
        liar_->lie(lie);
        expect_protocol_error([&](auto& ec) { latch.reset(ec); });
    }
}

TEST_F(LyingBackend, HolderBelievesNeitherARenewalNorAReleaseByAnAnswerToSomethingElse) {
    for (const Outcome outcome : {Outcome::granted, Outcome::held, Outcome::free}) {
        liar_->be_honest();
        auto lock = locks_.acquire("key", {.ttl = 10s});
        ASSERT_TRUE(lock);
        liar_->lie(answer(outcome));
        expect_protocol_error([&](auto& ec) { lock->extend(1min, ec); });
        EXPECT_TRUE(lock->owns_lock()) << "its lease still runs";
        std::error_code ec;
        EXPECT_EQ(lock->release(ec), ReleaseResult::unknown);
        EXPECT_EQ(ec, Errc::protocol_error);
    }
}

TEST_F(LyingBackend, CoroutineBelievesNoReleaseByAnAnswerToSomethingElse) {
    for (const Reply& lie : {failure(Errc::held), answer(Outcome::granted)}) {
        liar_->be_honest();
        auto lock = locks_.acquire("key", {.ttl = 10s});
        ASSERT_TRUE(lock);
        liar_->lie(lie);
        std::atomic<bool> done{false};
        std::error_code ec;
        ReleaseResult result{};
        auto run = [&]() -> Detached {
            result = co_await lock->async_release(ec);
            done = true;
        };
        run();
        ASSERT_TRUE(poll_until([&] { return done.load(); }));
        EXPECT_EQ(result, ReleaseResult::unknown);
        EXPECT_EQ(ec, Errc::protocol_error) << ec.message();
    }
}

// Once each millisecond, it was, and for ever.
TEST_F(LyingBackend, ReleaseThatIsAnsweredBySomethingElseIsRepeatedAfterPauses) {
    auto lock = locks_.acquire("key", {.ttl = 10s});
    ASSERT_TRUE(lock);
    liar_->lie(answer(Outcome::granted));
    const auto begin = std::chrono::steady_clock::now();
    const int before = liar_->asked();
    lock.reset();
    ASSERT_TRUE(poll_until([&] { return liar_->asked() >= before + 5; }));
    EXPECT_GT(std::chrono::steady_clock::now() - begin, 200ms);
}

// Such a name once ended list() by std::out_of_range.
TEST_F(LyingBackend, KeysThatWereNotAskedForAreLeftOut) {
    liar_->list_these({"", "x", "other:lock:key"});
    EXPECT_TRUE(locks_.list().empty());
}

}  // namespace
}  // namespace leaselock
