// Goal: what MemoryBackend does without an Operation is what the Operation would have done, or
// nothing. Method: two stores are asked the same at random, one of them without an Operation
// wherever it can; their answers are compared, and what they hold after each. And a grant whose
// entry has been swept out, and taken again by others.
#include <array>
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <leaselock/detail/instant_store.hpp>
#include <leaselock/detail/token_text.hpp>
#include <leaselock/memory_backend.hpp>

#include "unit/memory_store.hpp"

namespace leaselock {
namespace {

using detail::InstantStore;

// An owner token as bits.
struct Bits {
    explicit Bits(std::string_view text)
        : owner{text.substr(0, text.size() - detail::token_digits - 1)} {
        const std::string digits{text.substr(owner.size() + 1)};
        for (std::size_t i = 0; i < bits.size(); ++i) {
            bits[i] = static_cast<char>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
        }
    }
    [[nodiscard]] InstantStore::Token token(std::uint64_t owner_number = 1) const {
        return {owner, owner_number, bits.data()};
    }

    std::string owner;
    std::array<char, detail::token_bits_bytes> bits{};
};

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
            Grant grant;
            const Bits bits{what.token};
            grant.fencing_token =
                store.grant({what.key, bits.token(), what.submitted, what.ttl}, grant.where);
            if (grant.fencing_token == 0) return std::nullopt;
            reply.outcome = Outcome::granted;
            reply.fencing_token = grant.fencing_token;
            grants_[name] = grant;
            ++granted_;
        } else {
            const auto found = grants_.find(name);
            if (what.verb != Verb::release || found == grants_.end() ||
                !store.free(found->second.where, found->second.fencing_token, what.submitted)) {
                return std::nullopt;
            }
            reply.outcome = Outcome::released;
            ++freed_;
        }
        return reply;
    }

    struct Grant {
        InstantStore::Where where;
        std::uint64_t fencing_token = 0;
    };

    MemoryBackend backend_;
    std::map<std::pair<std::string, std::string>, Grant> grants_;
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

std::uint64_t grant(MemoryBackend& backend, std::string_view key, std::string_view holder,
                    Clock::time_point now, std::chrono::milliseconds ttl,
                    InstantStore::Where& where, std::uint64_t owner_number = 1) {
    const Bits bits{holder};
    const std::uint64_t fence =
        backend.instant()->grant({key, bits.token(owner_number), now, ttl}, where);
    EXPECT_NE(fence, 0U);
    return fence;
}

std::string holder_of(MemoryBackend& backend, std::string_view key, Clock::time_point now) {
    return ask(backend, {.verb = Verb::inspect, .key = key, .submitted = now}).holder;
}

// So many other keys come and go that the store forgets the first one.
void make_it_sweep(MemoryBackend& backend, Clock::time_point now) {
    for (int i = 1; i < 50'000; ++i) (void)acquire(backend, numbered(i), now, 10ms);
}

TEST(InstantStoreTest, GrantWhoseEntryIsGoneIsNotFreed) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    InstantStore::Where where;
    const std::uint64_t fence = grant(backend, key, token, begin, 10ms, where);
    make_it_sweep(backend, begin + 20ms);
    EXPECT_FALSE(backend.instant()->free(where, fence, begin + 20ms));
}

TEST(InstantStoreTest, GrantThatWasSweptAndTakenAgainIsLeftToItsNewHolder) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    InstantStore::Where where;
    const std::uint64_t fence = grant(backend, key, token, begin, 10ms, where);
    make_it_sweep(backend, begin + 20ms);
    const std::string other = holder_token(1);
    const Clock::time_point now = begin + 40ms;
    InstantStore::Where its;
    const std::uint64_t its_fence = grant(backend, key, other, now, 1h, its);
    EXPECT_FALSE(backend.instant()->free(where, fence, now));
    EXPECT_EQ(holder_of(backend, key, now), other);
    EXPECT_TRUE(backend.instant()->free(its, its_fence, now));
}

// What is still there is found though others were swept, by an Operation.
TEST(InstantStoreTest, GrantThatOutlivedASweepIsReleasedByAnOperation) {
    MemoryBackend backend;
    const std::string key = numbered(0);
    InstantStore::Where where;
    const std::uint64_t fence = grant(backend, key, token, begin, 1h, where);
    make_it_sweep(backend, begin);
    make_it_sweep(backend, begin + 20ms);
    const Request release{.verb = Verb::release, .key = key, .token = token, .submitted = begin};
    EXPECT_FALSE(backend.instant()->free(where, fence, begin));
    EXPECT_EQ(ask(backend, release).outcome, Outcome::released);
}

// A latch that nobody has counted down leaves the fencing token of the key as it was. The release
// has read the clock before the latch was over, and comes after that.
TEST(InstantStoreTest, GrantThatExpiredBeforeALatchIsNotFreed) {
    MemoryBackend backend;
    InstantStore::Where where;
    const std::uint64_t fence = grant(backend, "a key", token, begin, 10ms, where);
    const std::string waiter = holder_token(1);
    const Request await{.verb = Verb::acquire,
                        .key = "a key",
                        .token = waiter,
                        .ttl = 30ms,
                        .claim = Claim::await(2),
                        .submitted = begin + 10ms};
    EXPECT_EQ(ask(backend, await).outcome, Outcome::held);
    EXPECT_EQ(holder_of(backend, "a key", begin + 50ms), "");
    EXPECT_FALSE(backend.instant()->free(where, fence, begin + 20ms));
}

// The key has the token of the one before as bits, or as text, of the same owner or of another one,
// whose name is shorter or longer.
TEST(InstantStoreTest, HolderIsNamedWhoeverHadTheKeyBefore) {
    MemoryBackend backend;
    const std::array<std::pair<std::string, std::uint64_t>, 4> holders{{
        {holder_token(1), 1},
        {holder_token(2), 1},
        {"a/ff00112233445566778899aabbccddee", 2},
        {"a name that is longer:2/00112233445566778899aabbccddeeff", 3},
    }};
    Clock::time_point now = begin;
    for (int i = 0; i < 64; ++i, now += 1s) {
        const auto& [before, owner] = holders.at(static_cast<std::size_t>(i) % 4);
        const auto& [after, next_owner] = holders.at(static_cast<std::size_t>(i) / 4 % 4);
        InstantStore::Where where;
        const std::uint64_t fence = grant(backend, "a key", before, now, 1h, where, owner);
        if (i % 3 != 0) {
            EXPECT_EQ(holder_of(backend, "a key", now), before);
        }
        EXPECT_TRUE(backend.instant()->free(where, fence, now));
        (void)grant(backend, "a key", after, now, 500ms, where, next_owner);
        EXPECT_EQ(holder_of(backend, "a key", now), after);
        EXPECT_FALSE(backend.instant()->free(where, fence, now)) << "what another one has";
    }
}

TEST(InstantStoreTest, BackendsOfOthersHaveNone) {
    class Other final : public Backend {
        void submit(std::span<Operation* const> /*operations*/) noexcept override {}
    };
    EXPECT_EQ(Other{}.instant(), nullptr);
}

}  // namespace
}  // namespace leaselock
