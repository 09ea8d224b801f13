// Goal: the checker of histories finds what breaks the promises of a lock, and nothing else.
// Method: small histories written by hand, in milliseconds, each with one thing wrong or just not
// wrong.
#include "support/history_check.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace leaselock::support {
namespace {

Clock::time_point at(int ms) { return Clock::time_point{std::chrono::milliseconds{ms}}; }

Holding on(std::string key, std::string holder, std::uint64_t fence, int asked, int answered) {
    return {.key = std::move(key),
            .holder = std::move(holder),
            .fence = fence,
            .asked = at(asked),
            .answered = at(answered)};
}
Holding on(std::string key, std::string holder, std::uint64_t fence, int asked, int answered,
           int last_yes) {
    Holding holding = on(std::move(key), std::move(holder), fence, asked, answered);
    holding.last_yes = at(last_yes);
    return holding;
}

struct Violations {
    std::size_t overlaps;
    std::size_t disorders;
    friend bool operator==(const Violations&, const Violations&) = default;
};

Violations findings_of(std::vector<Holding> history, Overlaps overlaps = Overlaps::are_faults) {
    std::sort(history.begin(), history.end(),
              [](const Holding& a, const Holding& b) { return a.holder < b.holder; });
    const Verdict verdict = check(history, overlaps);
    std::reverse(history.begin(), history.end());
    EXPECT_EQ(check(history, overlaps).overlaps.size(), verdict.overlaps.size())
        << "the order in which it is written down must not matter";
    return {verdict.overlaps.size(), verdict.disorders.size()};
}

constexpr Violations none{0, 0};

TEST(HistoryCheck, HoldersOneAfterAnotherAreRight) {
    EXPECT_EQ(findings_of({on("k", "a", 1, 0, 1, 9), on("k", "b", 2, 3, 11, 19),
                           on("k", "c", 3, 20, 21, 29)}),
              none);
    EXPECT_EQ(findings_of({}), none);
}

TEST(HistoryCheck, HoldersOfDifferentKeysDoNotMatterToEachOther) {
    EXPECT_EQ(findings_of({on("k", "a", 5, 0, 1, 9), on("m", "b", 5, 2, 3, 8)}), none);
}

TEST(HistoryCheck, HolderInsideAnotherIsFound) {
    EXPECT_EQ(findings_of({on("k", "a", 1, 0, 1, 9), on("k", "b", 2, 2, 3, 8)}),
              (Violations{1, 0}));
}

TEST(HistoryCheck, HolderThatBeginsBeforeAnotherEndsIsFound) {
    EXPECT_EQ(findings_of({on("k", "a", 1, 0, 1, 9), on("k", "b", 2, 2, 8, 20)}),
              (Violations{1, 0}));
}

TEST(HistoryCheck, HolderInsideALongOneIsFoundBehindAShortOne) {
    EXPECT_EQ(findings_of({on("k", "a", 1, 0, 1, 100), on("k", "b", 2, 2, 3, 4),
                           on("k", "c", 3, 50, 51, 52)}),
              (Violations{2, 0}));
}

Holding part(Share share, Holding holding) {
    holding.claim = share;
    return holding;
}

TEST(HistoryCheck, ReadersMayHoldTogetherAndNoWriterBesideThem) {
    const auto reader = [](std::string holder, std::uint64_t fence, int begin, int end) {
        return part(shared, on("k", std::move(holder), fence, begin - 1, begin, end));
    };
    EXPECT_EQ(findings_of({reader("a", 1, 1, 9), reader("b", 2, 3, 20), reader("c", 3, 5, 6)}),
              none);
    EXPECT_EQ(findings_of({reader("a", 1, 1, 9), on("k", "w", 2, 4, 5, 6)}), (Violations{1, 0}));
    EXPECT_EQ(findings_of({on("k", "w", 1, 0, 1, 9), reader("a", 2, 5, 6), reader("b", 3, 7, 8)}),
              (Violations{2, 0}));
    EXPECT_EQ(findings_of({reader("a", 1, 1, 9), part({1, 5}, on("k", "p", 2, 4, 5, 6))}),
              (Violations{1, 0}));
}

TEST(HistoryCheck, MorePermitsThanThereAreIsFound) {
    const auto permits = [](int count, std::string holder, std::uint64_t fence, int begin,
                            int end) {
        return part({count, 3}, on("k", std::move(holder), fence, begin - 1, begin, end));
    };
    EXPECT_EQ(findings_of(
                  {permits(2, "a", 1, 1, 9), permits(1, "b", 2, 3, 20), permits(2, "c", 3, 9, 12)}),
              none);
    EXPECT_EQ(findings_of(
                  {permits(2, "a", 1, 1, 9), permits(1, "b", 2, 3, 20), permits(1, "c", 3, 8, 12)}),
              (Violations{1, 0}));
}

TEST(HistoryCheck, HoldersThatTouchMayHaveBeenOneBehindTheOther) {
    EXPECT_EQ(findings_of({on("k", "a", 1, 0, 1, 9), on("k", "b", 2, 5, 9, 20)}), none);
}

// Its grant came at some time before 12, and it was lost before it was looked at.
TEST(HistoryCheck, HolderThatNeverSaidYesOverlapsNobody) {
    EXPECT_EQ(
        findings_of({on("k", "a", 1, 0, 1, 9), on("k", "b", 2, 2, 5), on("k", "c", 3, 11, 12, 13)}),
        none);
}

TEST(HistoryCheck, FenceThatFallsIsFound) {
    EXPECT_EQ(findings_of({on("k", "a", 7, 0, 1), on("k", "b", 8, 2, 3), on("k", "c", 6, 4, 5)}),
              (Violations{0, 1}));
}

TEST(HistoryCheck, FenceIsHeldAgainstTheHighestBeforeItAndNotTheLast) {
    EXPECT_EQ(findings_of({on("k", "a", 9, 0, 1), on("k", "b", 5, 2, 3), on("k", "c", 6, 4, 5)}),
              (Violations{0, 2}));
}

// Two calls at once: either may have been granted first.
TEST(HistoryCheck, FencesOfCallsAtTheSameTimeMayBeInEitherOrder) {
    EXPECT_EQ(findings_of({on("k", "a", 8, 0, 5), on("k", "b", 7, 2, 6)}), none);
    EXPECT_EQ(findings_of({on("k", "a", 8, 0, 5), on("k", "b", 7, 5, 6)}), none);
}

// Their calls were at the same time, but a held first. Without overlaps b may have been granted
// first all the same.
TEST(HistoryCheck, FencesOfHoldersThatExcludeEachOtherFollowTheirHolding) {
    const std::vector<Holding> history{on("k", "a", 8, 0, 1, 9), on("k", "b", 7, 0, 11, 20)};
    EXPECT_EQ(findings_of(history), (Violations{0, 1}));
    EXPECT_EQ(findings_of(history, Overlaps::may_be), none);
}

TEST(HistoryCheck, OverlapsAreCountedWhereExclusionIsNotPromised) {
    EXPECT_EQ(findings_of({on("k", "a", 1, 0, 1, 9), on("k", "b", 2, 2, 3, 8)}, Overlaps::may_be),
              (Violations{1, 0}));
}

TEST(HistoryCheck, FenceThatIsThereTwiceOrNotAtAllIsFound) {
    EXPECT_EQ(findings_of({on("k", "a", 7, 0, 1), on("k", "b", 7, 2, 3)}), (Violations{0, 1}));
    EXPECT_EQ(findings_of({on("k", "a", 7, 0, 5), on("k", "b", 7, 2, 3)}), (Violations{0, 1}));
    EXPECT_EQ(findings_of({on("k", "a", 0, 0, 1)}), (Violations{0, 1}));
}

TEST(HistoryCheck, FindingNamesKeyHoldersFencesAndTimes) {
    const Verdict verdict =
        check({on("stock", "10:1", 5, 0, 1, 9), on("stock", "11:1", 6, 2, 3, 8)});
    EXPECT_EQ(verdict.text(),
              "'stock': 11:1 (fence 6, 0 of 0, granted from 2000 to 3000 us, last yes 8000) held "
              "while so did "
              "10:1 (fence 5, 0 of 0, granted from 0 to 1000 us, last yes 9000)\n");
    EXPECT_EQ(check({on("k", "a", 1, 0, 1, 9)}).text(), "");
}

// Looking at each pair would take longer than a test may.
TEST(HistoryCheck, LongHistoryIsCheckedToo) {
    constexpr int grants = 20'000;
    std::vector<Holding> history;
    history.reserve(grants);
    for (int i = 1; i <= grants; ++i) {
        history.push_back(
            on("k", std::to_string(i), static_cast<std::uint64_t>(i), 3 * i, 3 * i + 1, 3 * i + 2));
    }
    EXPECT_EQ(check(history).text(), "");
    history.back().fence = 1;
    history.back().answered = at(5);
    EXPECT_EQ(check(history).overlaps.size(), static_cast<std::size_t>(grants) - 2)
        << "all but itself and the first, which it touches";
}

}  // namespace
}  // namespace leaselock::support
