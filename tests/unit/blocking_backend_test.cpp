// Goal: four functions that block make a backend: a call that hangs holds up no call of
// another key, the calls of one key keep their order, what is cancelled is over at once and its
// late answer harms nobody, and whatever is thrown is an answer. Method: a store in a map, whose
// calls hang and throw as the test says; and a manager on top of it.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/blocking_backend.hpp>
#include <leaselock/leaselock.hpp>

#include "support/leaks.hpp"
#include "support/map_store.hpp"
#include "support/poll_until.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::MapStore;
using support::poll_until;
using support::running_threads;

// What the calls of the store meet: some hang at their key until they are let go, all are recorded.
class Gate {
  public:
    void close(const std::string& key) {
        const std::lock_guard lock{mutex_};
        closed_.push_back(key);
    }
    void open() {
        const std::lock_guard lock{mutex_};
        closed_.clear();
        opened_.notify_all();
    }
    void pass(const Request& what) {
        std::unique_lock lock{mutex_};
        const std::string key{what.key};
        tokens_.emplace_back(what.token);
        most_at_once_ = std::max(most_at_once_, ++inside_[key]);
        ++waiting_;
        opened_.wait(lock, [&] { return std::count(closed_.begin(), closed_.end(), key) == 0; });
        --waiting_;
        --inside_[key];
    }
    [[nodiscard]] int waiting() const {
        const std::lock_guard lock{mutex_};
        return waiting_;
    }
    [[nodiscard]] int most_at_once() const {
        const std::lock_guard lock{mutex_};
        return most_at_once_;
    }
    // Of the calls, as they came.
    [[nodiscard]] std::vector<std::string> tokens() const {
        const std::lock_guard lock{mutex_};
        return tokens_;
    }

  private:
    mutable std::mutex mutex_;  // guards the rest
    std::condition_variable opened_;
    std::vector<std::string> closed_;
    std::vector<std::string> tokens_;
    std::map<std::string, int> inside_;  // calls of that key
    int most_at_once_ = 0;
    int waiting_ = 0;
};

// An operation of a caller that goes on, with its texts.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Completion
class Call final : private Completion {
  public:
    explicit Call(std::string key, std::string token = "tester:1/0")
        : key_{std::move(key)}, token_{std::move(token)} {
        operation.completion = this;
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    ~Call() = default;

    [[nodiscard]] bool is_over() {
        return poll_until([&] { return completed_ == 1; });
    }
    [[nodiscard]] int times_completed() const { return completed_; }
    [[nodiscard]] const Reply& reply() const { return operation.reply; }

  private:
    const std::string key_;
    const std::string token_;

  public:
    Operation operation{{.verb = Verb::acquire,
                         .key = key_,
                         .token = token_,
                         .ttl = 1h,
                         .submitted = boot_clock()->now()}};

  private:
    void completed(Operation& /*operation*/) noexcept override { ++completed_; }

    std::atomic<int> completed_{0};
};

// NOLINTNEXTLINE(cppcoreguidelines-special-member-functions,cppcoreguidelines-virtual-class-destructor)
class BlockingStores : public ::testing::Test {
  protected:
    ~BlockingStores() override { gate_.open(); }

    std::shared_ptr<BlockingBackend> make(int threads = 4) {
        return std::make_shared<BlockingBackend>(
            std::make_unique<MapStore>(boot_clock(),
                                       [this](const Request& what) { gate_.pass(what); }),
            threads);
    }
    // One call hangs in the store.
    void hang(BlockingBackend& backend, Call& call) {
        const int before = gate_.waiting();
        backend.submit(call.operation);
        ASSERT_TRUE(poll_until([&] { return gate_.waiting() == before + 1; }));
    }
    [[nodiscard]] bool came(const std::string& token) const {
        const auto all = gate_.tokens();
        return std::count(all.begin(), all.end(), token) > 0;
    }

    Gate gate_;
};

TEST_F(BlockingStores, CallThatHangsHoldsUpNoOtherKey) {
    const auto backend = make(3);
    gate_.close("first");
    Call first{"first"};
    hang(*backend, first);
    std::array<Call, 3> others{Call{"a"}, Call{"b"}, Call{"c"}};
    const std::array<Operation*, 3> all{&others[0].operation, &others[1].operation,
                                        &others[2].operation};
    backend->submit(all);
    for (Call& each : others) {
        ASSERT_TRUE(each.is_over());
        EXPECT_EQ(each.reply().outcome, Outcome::granted);
    }
    EXPECT_EQ(first.times_completed(), 0);
    gate_.open();
    ASSERT_TRUE(first.is_over());
    EXPECT_EQ(first.reply().outcome, Outcome::granted);
}

// A thread that is idle is one for one call.
TEST_F(BlockingStores, CallsThatComeTogetherDoNotCountOnTheSameIdleThread) {
    const auto backend = make(2);
    for (int i = 0; i < 50; ++i) {
        const std::string number = std::to_string(i);
        Call warm_up{"warm up" + number};
        backend->submit(warm_up.operation);
        ASSERT_TRUE(warm_up.is_over());
        gate_.close("hangs" + number);
        Call hangs{"hangs" + number};
        Call other{"other" + number};
        const std::array<Operation*, 2> both{&hangs.operation, &other.operation};
        backend->submit(both);
        const bool over = other.is_over();
        gate_.open();
        ASSERT_TRUE(over) << i;
        ASSERT_TRUE(hangs.is_over());
    }
}

TEST_F(BlockingStores, CallsOfOneKeyKeepTheirOrder) {
    const auto backend = make(8);
    gate_.close("key");
    std::vector<std::unique_ptr<Call>> calls;
    std::vector<std::string> tokens;
    for (int i = 0; i < 50; ++i) {
        tokens.push_back("tester:1/" + std::to_string(i));
        calls.push_back(std::make_unique<Call>("key", tokens.back()));
        backend->submit(calls.back()->operation);
    }
    gate_.open();
    for (const auto& each : calls) ASSERT_TRUE(each->is_over());
    EXPECT_EQ(gate_.tokens(), tokens);
    EXPECT_EQ(gate_.most_at_once(), 1);
}

TEST_F(BlockingStores, CancelledBeforeItRanItIsUnavailableAndNeverRuns) {
    const auto backend = make(1);
    gate_.close("key");
    Call first{"key", "first"};
    hang(*backend, first);
    Call queued{"other", "queued"};
    backend->submit(queued.operation);
    backend->cancel(queued.operation);
    EXPECT_EQ(queued.times_completed(), 1) << "at once";
    EXPECT_EQ(family(queued.reply().error), Family::unavailable);
    gate_.open();
    ASSERT_TRUE(first.is_over());
    Call last{"other", "last"};
    backend->submit(last.operation);
    ASSERT_TRUE(last.is_over());
    EXPECT_FALSE(came("queued"));
    EXPECT_EQ(queued.times_completed(), 1);
}

TEST_F(BlockingStores, CancelledWhileItRunsItIsUnknownAndItsLateAnswerIsDropped) {
    const auto backend = make();
    gate_.close("key");
    Call call{"key", "cancelled"};
    hang(*backend, call);
    backend->cancel(call.operation);
    EXPECT_EQ(call.times_completed(), 1) << "at once";
    EXPECT_EQ(call.reply().outcome, Outcome::failed);
    EXPECT_EQ(family(call.reply().error), Family::unknown);
    gate_.open();
    Call next{"key", "next"};
    backend->submit(next.operation);
    ASSERT_TRUE(next.is_over());
    EXPECT_EQ(next.reply().outcome, Outcome::held);
    EXPECT_EQ(next.reply().holder, "cancelled");
    EXPECT_EQ(call.times_completed(), 1);
    EXPECT_EQ(call.reply().outcome, Outcome::failed);
    backend->cancel(next.operation);
    EXPECT_EQ(next.times_completed(), 1) << "what is over is not cancelled";
}

TEST_F(BlockingStores, WhatIsThrownIsTheAnswer) {
    struct Case {
        std::function<void()> thrower;
        Errc error;
        bool may_have_run;
    };
    const Case cases[]{
        {[] { throw LockError(Errc::access_denied, "no"); }, Errc::access_denied, false},
        {[] { throw LockError(Errc::command_timed_out, "late"); }, Errc::command_timed_out, true},
        {[] { throw std::bad_alloc(); }, Errc::out_of_memory, true},
        {[] { throw std::runtime_error("the client's own"); }, Errc::unexpected_reply, true},
        {[] { throw 7; }, Errc::unexpected_reply, true},
    };
    for (const Case& each : cases) {
        BlockingBackend backend{std::make_unique<MapStore>(
            boot_clock(), [&](const Request& /*what*/) { each.thrower(); })};
        Call call{"key"};
        backend.submit(call.operation);
        ASSERT_TRUE(call.is_over());
        EXPECT_EQ(call.reply().outcome, Outcome::failed);
        EXPECT_EQ(call.reply().error, each.error);
        EXPECT_EQ(call.reply().in_part || family(call.reply().error) == Family::unknown,
                  each.may_have_run)
            << make_error_code(each.error).message();
    }
}

TEST_F(BlockingStores, ThreadsAreBoundedAndEndWithTheBackend) {
    std::thread{[] {}}.join();  // the first one brings a sanitizer's own
    const std::size_t before = running_threads();
    {
        const auto backend = make(3);
        EXPECT_EQ(running_threads(), before) << "none before the first call";
        std::vector<std::unique_ptr<Call>> calls;
        for (int i = 0; i < 10; ++i) {
            calls.push_back(std::make_unique<Call>("key" + std::to_string(i)));
            gate_.close("key" + std::to_string(i));
            backend->submit(calls.back()->operation);
        }
        EXPECT_TRUE(poll_until([&] { return gate_.waiting() == 3; }));
        EXPECT_EQ(running_threads(), before + 3);
        gate_.open();
        for (const auto& each : calls) EXPECT_TRUE(each->is_over());
        EXPECT_EQ(running_threads(), before + 3);
    }
    EXPECT_TRUE(poll_until([&] { return running_threads() == before; }));
}

TEST_F(BlockingStores, OptionsAreChecked) {
    const auto error_of = [](std::unique_ptr<BlockingStore> store, int threads) {
        try {
            const BlockingBackend backend{std::move(store), threads};
        } catch (const LockError& error) {
            return error.code();
        }
        return std::error_code{};
    };
    EXPECT_EQ(error_of(nullptr, 4), Errc::invalid_option);
    EXPECT_EQ(error_of(std::make_unique<MapStore>(), 0), Errc::invalid_option);
    EXPECT_EQ(error_of(std::make_unique<MapStore>(), 65), Errc::invalid_option);
    EXPECT_EQ(error_of(std::make_unique<MapStore>(), 1), std::error_code{});
    EXPECT_EQ(error_of(std::make_unique<MapStore>(), 64), std::error_code{});
}

// Promises all that is for it, and does none of it.
class Promising final : public BlockingStore {
  public:
    static constexpr Guarantees promised{
        .shares = true, .latches = true, .min_hold = true, .list = true, .least_ttl = 1s};

    Reply acquire(const Request& what) override { return store_.acquire(what); }
    Reply renew(const Request& what) override { return store_.renew(what); }
    Reply release(const Request& what) override { return store_.release(what); }
    Reply inspect(const Request& what) override { return store_.inspect(what); }
    [[nodiscard]] Guarantees guarantees() const noexcept override { return promised; }
    void examine(std::vector<Finding>& findings) override { findings.push_back({}); }
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        return {std::string(prefix), std::string(pattern)};
    }

  private:
    MapStore store_;
};

TEST_F(BlockingStores, WhatTheStorePromisesAndTellsIsPassedOn) {
    BlockingBackend backend{std::make_unique<Promising>()};
    EXPECT_EQ(backend.guarantees(), Promising::promised);
    std::vector<Finding> findings;
    backend.examine(findings);
    EXPECT_EQ(findings.size(), 1U);
    EXPECT_EQ(backend.list("prefix", "*"), (std::vector<std::string>{"prefix", "*"}));
    EXPECT_EQ(make()->guarantees(), Guarantees{});
    EXPECT_THROW((void)make()->list("prefix", "*"), LockError);
}

TEST_F(BlockingStores, WhatIsNotPromisedIsRefusedBeforeTheStoreIsAsked) {
    const Request beyond[]{
        {.verb = Verb::acquire, .key = "key", .token = "t", .ttl = 1h, .claim = Claim::reader()},
        {.verb = Verb::acquire,
         .key = "key",
         .token = "t",
         .ttl = 1h,
         .claim = Claim::permits(1, 3)},
        {.verb = Verb::acquire, .key = "key", .token = "t", .claim = Claim::count_down(3)},
        {.verb = Verb::acquire, .key = "key", .token = "t", .ttl = 1h, .min_hold = 1ms},
        {.verb = Verb::release, .key = "key", .token = "t", .keep = 1ms}};
    const auto backend = make();
    BlockingBackend promising{std::make_unique<Promising>()};
    for (const Request& each : beyond) {
        Operation operation{each};
        backend->submit(operation);
        ASSERT_TRUE(operation.done()) << "at once";
        EXPECT_EQ(operation.reply.error, Errc::not_supported);
        Operation promised{each};
        promising.submit(promised);
        EXPECT_TRUE(poll_until([&] { return promised.done(); }));
        EXPECT_NE(promised.reply.outcome, Outcome::failed);
    }
    EXPECT_TRUE(gate_.tokens().empty());
}

}  // namespace
}  // namespace leaselock
