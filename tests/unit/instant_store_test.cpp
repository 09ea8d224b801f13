// Goal: what MemoryBackend does without an Operation is what the Operation would have done, or
// nothing. Method: two stores are asked the same at random, one of them without an Operation
// wherever it can; their answers are compared, and what they hold after each. And a grant whose
// entry has been swept out, and taken again by others.
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include <leaselock/detail/instant_store.hpp>
#include <leaselock/memory_backend.hpp>

#include "unit/memory_store.hpp"

namespace leaselock {
namespace {

using detail::InstantStore;

std::string holder_token(int holder) {
    return "tester:1/0123456789abcdef0123456789abcde" + std::to_string(holder);
}

class HearsNothing final : public Listener {
  public:
    using Listener::Listener;
    virtual ~HearsNothing() = default;
    WakeUp handed_over(const HandOff& /*what*/) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};

// Asks without an Operation first.
class Instant {
  public:
    Reply ask(const Request& request) {
        if (std::optional<Reply> reply = at_once(request)) return *std::move(reply);
        return leaselock::ask(backend_, request);
    }
    MemoryBackend& backend() noexcept { return backend_; }
    [[nodiscard]] int granted() const noexcept { return granted_; }
    [[nodiscard]] int freed() const noexcept { return freed_; }

  private:
    std::optional<Reply> at_once(const Request& what) {
        if (!what.claim.is_exclusive() || what.listener != nullptr || what.keep.count() != 0) {
            return std::nullopt;
        }
        const std::pair name{std::string{what.key}, std::string{what.token}};
        InstantStore& store = *backend_.instant();
        Reply reply;
        if (what.verb == Verb::acquire) {
            InstantStore::Where where;
            reply.fencing_token =
                store.grant({what.key, what.token, what.submitted, what.ttl}, where);
            if (reply.fencing_token == 0) return std::nullopt;
            reply.outcome = Outcome::granted;
            where_[name] = where;
            ++granted_;
        } else {
            const auto found = where_.find(name);
            if (what.verb != Verb::release || found == where_.end() ||
                !store.free(found->second, what.token, what.submitted)) {
                return std::nullopt;
            }
            reply.outcome = Outcome::released;
            ++freed_;
        }
        return reply;
    }

    MemoryBackend backend_;
    std::map<std::pair<std::string, std::string>, InstantStore::Where> where_;
    int granted_ = 0;
    int freed_ = 0;
};

void expect_same(const Reply& a, const Reply& b, int step) {
    ASSERT_EQ(a.outcome, b.outcome) << step;
    ASSERT_EQ(a.fencing_token, b.fencing_token) << step;
    ASSERT_EQ(a.holder, b.holder) << step;
    ASSERT_EQ(a.remaining, b.remaining) << step;
    ASSERT_EQ(a.kept, b.kept) << step;
    ASSERT_EQ(a.queued, b.queued) << step;
    ASSERT_EQ(a.shares, b.shares) << step;
    ASSERT_EQ(a.waiting, b.waiting) << step;
}

TEST(InstantStoreTest, DoesWhatAnOperationDoesOrNothing) {
    Instant a;
    MemoryBackend b;
    std::mt19937 random{20261128};  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
    const auto one_of = [&](int count) { return static_cast<int>(random() % unsigned(count)); };
    Clock::time_point now = begin;
    for (int step = 0; step < 40'000; ++step, now += std::chrono::milliseconds{1 + one_of(6)}) {
        const std::string key = "key " + std::to_string(one_of(3));
        const std::string holder = holder_token(one_of(4));
        HearsNothing listener{key, holder};
        Request what{.key = key,
                     .token = holder,
                     .ttl = std::chrono::milliseconds{10 + one_of(40)},
                     .submitted = now};
        const int verb = one_of(10);
        what.verb = verb < 4 ? Verb::acquire : verb < 9 ? Verb::release : Verb::renew;
        if (one_of(8) == 0) what.claim = Claim::reader();
        if (one_of(12) == 0 && what.verb == Verb::release) what.keep = 20ms;
        if (one_of(12) == 0 && what.verb == Verb::acquire) {
            what.listener = &listener;
            what.entry_life = 30ms;
        }
        ASSERT_NO_FATAL_FAILURE(expect_same(a.ask(what), ask(b, what), step));
        a.backend().forget(listener);
        b.forget(listener);
        const Request inspect{.verb = Verb::inspect, .key = key, .submitted = now};
        ASSERT_NO_FATAL_FAILURE(expect_same(ask(a.backend(), inspect), ask(b, inspect), step));
    }
    EXPECT_GT(a.granted(), 1'000);
    EXPECT_GT(a.freed(), 1'000);
}

// So many other keys come and go that the store forgets the first one.
void make_it_sweep(MemoryBackend& backend, Clock::time_point now) {
    for (int i = 1; i < 50'000; ++i) (void)acquire(backend, numbered(i), now, 10ms);
}

TEST(InstantStoreTest, GrantWhoseEntryIsGoneIsNotFreed) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    InstantStore::Where where;
    ASSERT_NE(backend.instant()->grant({key, token, begin, 10ms}, where), 0U);
    make_it_sweep(backend, begin + 20ms);
    EXPECT_FALSE(backend.instant()->free(where, token, begin + 20ms));
}

TEST(InstantStoreTest, GrantThatWasSweptAndTakenAgainIsLeftToItsNewHolder) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    InstantStore::Where where;
    ASSERT_NE(backend.instant()->grant({key, token, begin, 10ms}, where), 0U);
    make_it_sweep(backend, begin + 20ms);
    const std::string other = holder_token(1);
    const Clock::time_point now = begin + 40ms;
    InstantStore::Where its;
    ASSERT_NE(backend.instant()->grant({key, other, now, 1h}, its), 0U);
    EXPECT_FALSE(backend.instant()->free(where, token, now));
    EXPECT_EQ(ask(backend, {.verb = Verb::inspect, .key = key, .submitted = now}).holder, other);
    EXPECT_TRUE(backend.instant()->free(its, other, now));
}

// What is still there is found though others were swept, by an Operation.
TEST(InstantStoreTest, GrantThatOutlivedASweepIsReleasedByAnOperation) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    InstantStore::Where where;
    ASSERT_NE(backend.instant()->grant({key, token, begin, 1h}, where), 0U);
    make_it_sweep(backend, begin);
    make_it_sweep(backend, begin + 20ms);
    const Request release{.verb = Verb::release, .key = key, .token = token, .submitted = begin};
    EXPECT_FALSE(backend.instant()->free(where, token, begin));
    EXPECT_EQ(ask(backend, release).outcome, Outcome::released);
}

TEST(InstantStoreTest, BackendsOfOthersHaveNone) {
    class Other final : public Backend {
        void submit(std::span<Operation* const> /*operations*/) noexcept override {}
    };
    EXPECT_EQ(Other{}.instant(), nullptr);
}

}  // namespace
}  // namespace leaselock
