// Goal: the conformance suite is green for a store that promises nothing and has no more than what
// is obligatory, and no store gets through it that promises what it does not do. Method: the suite
// on such a store; and single cases on one that lies, whose failures are looked for.
#include <algorithm>
#include <functional>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/conformance.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "conformance/in_process_fixture.hpp"

namespace leaselock::testing {
namespace {

using namespace std::chrono_literals;

// What a store says of itself, and between what its leases are, of which it says nothing.
struct Statement {
    Guarantees promised{};
    std::chrono::milliseconds least{0};
    std::chrono::milliseconds longest = max_ttl;
};

// The store in memory without all that is not obligatory: it refuses it, and has no queue.
class LittleStore final : public Backend {
  public:
    explicit LittleStore(const Statement& statement) : statement_{statement} {}

    using Backend::submit;

    [[nodiscard]] Guarantees guarantees() const noexcept override { return statement_.promised; }
    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const each : operations) {
            Request request = each->request;
            request.listener = nullptr;
            request.ttl = std::clamp(request.ttl, statement_.least, statement_.longest);
            if (!request.claim.is_exclusive() || request.keep > 0ms || request.min_hold > 0ms) {
                each->fail(Errc::not_supported, "too much for this store");
                continue;
            }
            Operation inner{request};
            inner_.submit(inner);
            each->reply = std::move(inner.reply);
            each->complete();
        }
    }

  private:
    const Statement statement_;
    MemoryBackend inner_;
};

class LittleFixture final : public InProcessFixture {
  public:
    explicit LittleFixture(const Statement& statement = {})
        : InProcessFixture{[&](const auto& /*clock*/) {
              return std::make_shared<LittleStore>(statement);
          }},
          statement_{statement} {}

    void lose_data() override { replace(std::make_shared<LittleStore>(statement_)); }

  private:
    const Statement statement_;
};

LEASELOCK_CONFORMANCE_SUITE(LittleConformance, [] { return std::make_unique<LittleFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(LittleAsyncConformance,
                                  [] { return std::make_unique<LittleFixture>(); });

// How many checks of that case fail on a store that states that.
int failures_of(std::span<const detail::Case<BackendFixture>> cases, std::string_view name,
                const Guarantees& needs, const Statement& statement) {
    for (const auto& each : cases) {
        if (each.name != name) continue;
        using Intercept = ::testing::ScopedFakeTestPartResultReporter;
        ::testing::TestPartResultArray failures;
        const Intercept reporter{Intercept::INTERCEPT_ONLY_CURRENT_THREAD, &failures};
        try {
            detail::ConformanceTest<BackendFixture>{
                [&] { return std::make_unique<LittleFixture>(statement); }, each, needs}
                .TestBody();
        } catch (const Error&) {
            return 1;
        }
        return failures.size();
    }
    return -1;
}

// A case, and the promise that it holds a store to.
struct Lie {
    std::span<const detail::Case<BackendFixture>> cases;
    const char* name;
    Guarantees promise;
};
const Lie lies[]{
    {detail::share_cases, "ReadersHoldAtTheSameTimeWithRisingFences", {.shares = true}},
    {detail::latch_cases, "LatchCountsATokenOnce", {.latches = true}},
    {detail::lease_cases, "KeepHoldsAReleasedKeyForItsTime", {.min_hold = true}},
    {detail::manager_cases<detail::Blocking>, "MinHoldKeepsAReleasedLock", {.min_hold = true}},
    {detail::admin_cases, "ListTellsTheLocksThatMatch", {.list = true}},
    {detail::promise_cases, "FencesRiseOverALossOfAllData", {.fences = Fences::clock}},
    {detail::queue_cases,
     "WaiterOfAHeldKeyHasAnEntryAndLearnsAFence",
     {.notified = true, .fair = true}},
};

TEST(PromisesOfStores, WhatIsPromisedAndNotDoneFails) {
    for (const Lie& lie : lies) {
        EXPECT_GT(failures_of(lie.cases, lie.name, lie.promise, {.promised = lie.promise}), 0)
            << lie.name;
    }
}

TEST(PromisesOfStores, WhatIsNotPromisedAndNotDoneIsLeftOut) {
    for (const Lie& lie : lies) {
        EXPECT_EQ(failures_of(lie.cases, lie.name, lie.promise, {}), 0) << lie.name;
    }
}

TEST(PromisesOfStores, LeasesOfOtherLengthsThanTheStoreSaysFail) {
    EXPECT_GT(failures_of(detail::promise_cases, "GrantSaysForHowLongItIs", {}, {.longest = 3s}),
              0);
    EXPECT_GT(failures_of(detail::promise_cases, "GrantSaysForHowLongItIs", {}, {.least = 2h}), 0);
    EXPECT_GT(failures_of(detail::promise_cases, "LeaseOfTheLeastTtlEnds", {},
                          {.promised = {.least_ttl = 500ms}, .least = 2s}),
              0);
    EXPECT_EQ(failures_of(detail::promise_cases, "LeaseOfTheLeastTtlEnds", {},
                          {.promised = {.least_ttl = 1s}, .least = 1s}),
              0);
}

// A store that does more than it promises.
class Generous final : public Backend {
  public:
    using Backend::submit;

    void submit(std::span<Operation* const> operations) noexcept override {
        inner_.submit(operations);
    }
    void forget(Listener& listener) noexcept override { inner_.forget(listener); }
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        return inner_.list(prefix, pattern);
    }

  private:
    MemoryBackend inner_;
};

class GenerousFixture final : public BackendFixture {
  public:
    [[nodiscard]] std::shared_ptr<Backend> make() override { return backend_; }
    [[nodiscard]] std::shared_ptr<Clock> clock() override { return clock_; }
    void settle(std::chrono::milliseconds d) override { clock_->advance(d); }
    [[nodiscard]] std::optional<std::string> raw_holder(const std::string& /*key*/) override {
        return std::nullopt;
    }
    [[nodiscard]] std::chrono::milliseconds term() const override { return 1s; }

  private:
    std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
    std::shared_ptr<Backend> backend_ = std::make_shared<Generous>();
};

TEST(PromisesOfStores, WhatIsDoneWithoutAPromiseIsHeldToTheCasesToo) {
    GenerousFixture fixture;
    for (const Guarantees& needs :
         {Guarantees{.shares = true}, Guarantees{.latches = true}, Guarantees{.min_hold = true},
          Guarantees{.list = true}, Guarantees{.notified = true, .fair = true}}) {
        EXPECT_TRUE(detail::does(fixture, needs)) << to_string(needs);
    }
    EXPECT_FALSE(detail::does(fixture, {.process_end = true}));
    EXPECT_FALSE(detail::does(fixture, {.fences = Fences::clock}));
}

}  // namespace
}  // namespace leaselock::testing
