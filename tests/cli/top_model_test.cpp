// Goal: what `leaselock top` tells is what the refreshes have shown: rates, waits and times, in the
// order and with the filter that its keys ask for. Method: the model gets locks and times, and
// no clock runs; keys are pressed by their bytes.
#include "cli/top_model.hpp"

#include <algorithm>
#include <chrono>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "cli/top_controls.hpp"

namespace leaselock::cli {
namespace {

using namespace std::chrono_literals;
using Reaction = TopControls::Reaction;
using Keys = std::vector<std::string>;

Clock::time_point at(std::chrono::milliseconds time) { return Clock::time_point{} + time; }

ListedLock lock(std::string key, std::uint64_t fence, std::chrono::milliseconds remaining = 30s,
                int waiting = 0) {
    return {std::move(key),
            {.held = true,
             .owner = "me",
             .remaining = remaining,
             .fencing_token = fence,
             .waiting = waiting}};
}

Keys keys_of(const TopModel& model, const TopOrder& order = {}) {
    Keys keys;
    for (const TopRow& row : model.rows(order)) keys.push_back(row.key);
    return keys;
}

TEST(TopModel, CountsChangesOfTheFencingToken) {
    TopModel model;
    model.update(at(0s), {lock("a", 5), lock("b", 7)});
    EXPECT_EQ(model.total().grants_per_second, 0) << "the first refresh tells of no time";
    model.update(at(2s), {lock("a", 6), lock("b", 7)});
    EXPECT_DOUBLE_EQ(model.rows({})[0].grants_per_second, 0.5);
    EXPECT_DOUBLE_EQ(model.rows({})[1].grants_per_second, 0);
    model.update(at(4s), {lock("a", 9), lock("b", 8)});
    EXPECT_DOUBLE_EQ(model.rows({})[0].grants_per_second, 0.5);
    EXPECT_DOUBLE_EQ(model.rows({})[1].grants_per_second, 0.25);
    EXPECT_DOUBLE_EQ(model.total().grants_per_second, 0.75);
}

TEST(TopModel, CountsALockThatCameAndNoneThatIsMissed) {
    TopModel model;
    model.update(at(0s), {});
    model.update(at(1s), {lock("a", 5)});
    EXPECT_DOUBLE_EQ(model.rows({})[0].grants_per_second, 1);
    model.update(at(2s), {});
    EXPECT_TRUE(model.rows({}).empty());
    EXPECT_EQ(model.total().locks, 0U);
    EXPECT_DOUBLE_EQ(model.total().grants_per_second, 0.5) << "it was granted all the same";
    model.update(at(4s), {lock("a", 5)});
    EXPECT_DOUBLE_EQ(model.rows({})[0].grants_per_second, 0.25) << "the same grant";
    EXPECT_EQ(model.rows({})[0].held, 3s);
}

TEST(TopModel, ForgetsGrantsThatAreOutOfTheWindow) {
    TopModel model;
    model.update(at(0s), {lock("a", 1)});
    model.update(at(5s), {lock("a", 2)});
    model.update(at(10s), {lock("a", 2)});
    EXPECT_DOUBLE_EQ(model.total().grants_per_second, 0.1);
    model.update(at(15s), {lock("a", 2)});
    EXPECT_DOUBLE_EQ(model.total().grants_per_second, 0);
    // Where refreshes are rare, what lies between the last two is the window.
    model.update(at(55s), {lock("a", 3)});
    EXPECT_DOUBLE_EQ(model.total().grants_per_second, 1.0 / 40);
    model.update(at(95s), {lock("a", 3)});
    EXPECT_DOUBLE_EQ(model.total().grants_per_second, 0);
}

TEST(TopModel, TellsHowLongAFencingTokenHasBeenSeen) {
    TopModel model;
    model.update(at(0s), {lock("a", 1)});
    EXPECT_EQ(model.rows({})[0].held, 0s);
    model.update(at(3s), {lock("a", 1)});
    EXPECT_EQ(model.rows({})[0].held, 3s);
    model.update(at(4s), {lock("a", 2)});
    EXPECT_EQ(model.rows({})[0].held, 0s);
}

TEST(TopModel, TellsHowLongThereHasBeenSomebodyWhoWaits) {
    TopModel model;
    model.update(at(0s), {lock("a", 1, 30s, 0), lock("b", 1, 30s, 4)});
    model.update(at(1s), {lock("a", 1, 30s, 2), lock("b", 1, 30s, 4)});
    model.update(at(3s), {lock("a", 2, 30s, 1), lock("b", 2, 30s, 1)});
    EXPECT_EQ(model.rows({})[0].waited, 2s) << "also if it was handed over";
    EXPECT_EQ(model.rows({})[1].waited, 3s);
    EXPECT_EQ(model.total().longest_wait, 3s);
    EXPECT_EQ(model.total().waiting, 2);
    model.update(at(4s), {lock("a", 2, 30s, 0)});
    EXPECT_EQ(model.rows({})[0].waited, 0s);
    EXPECT_EQ(model.total().longest_wait, 0s) << "b is gone";
    model.update(at(5s), {lock("a", 2, 30s, 1), lock("b", 2, 30s, 1)});
    model.update(at(6s), {lock("a", 2, 30s, 1), lock("b", 2, 30s, 1)});
    EXPECT_EQ(model.rows({})[0].waited, 1s);
    EXPECT_EQ(model.rows({})[1].waited, 1s) << "the waiters of before are not known to be there";
}

TEST(TopModel, MeasuresALeaseByTheMostThatWasLeftOfIt) {
    TopModel model;
    model.update(at(0s), {lock("a", 1, 20s)});
    EXPECT_DOUBLE_EQ(model.rows({})[0].left, 1);
    model.update(at(1s), {lock("a", 1, 10s)});
    EXPECT_DOUBLE_EQ(model.rows({})[0].left, 0.5);
    model.update(at(2s), {lock("a", 1, 40s)});
    model.update(at(3s), {lock("a", 1, 10s)});
    EXPECT_DOUBLE_EQ(model.rows({})[0].left, 0.25);
    model.update(at(4s), {lock("a", 2, 10s)});
    EXPECT_DOUBLE_EQ(model.rows({})[0].left, 1) << "another lease";
    model.update(at(5s), {lock("b", 2, 0s)});
    EXPECT_DOUBLE_EQ(model.rows({})[0].left, 0);
}

TEST(TopModel, StaysAsItWasWhileTheStoreDoesNotAnswer) {
    TopModel model;
    model.update(at(1s), {lock("a", 1)});
    EXPECT_FALSE(model.outage());
    model.miss(at(2s), "refused");
    model.miss(at(3s), "closed");
    EXPECT_EQ(model.outage()->since, at(2s));
    EXPECT_EQ(model.outage()->why, "closed");
    EXPECT_EQ(keys_of(model), Keys{"a"});
    model.update(at(4s), {lock("a", 1)});
    EXPECT_FALSE(model.outage());
    EXPECT_EQ(model.rows({})[0].held, 3s);
    model.miss(at(5s), "refused");
    EXPECT_EQ(model.outage()->since, at(5s));
}

TEST(TopModel, SortsByEachColumn) {
    TopModel model;
    model.update(at(0s), {lock("a", 1, 30s, 1), lock("b", 1, 10s, 3), lock("c", 1, 20s, 0)});
    model.update(at(1s), {lock("a", 1, 30s, 1), lock("b", 1, 10s, 3), lock("c", 2, 20s, 7)});
    EXPECT_EQ(keys_of(model, {TopColumn::key}), (Keys{"a", "b", "c"}));
    EXPECT_EQ(keys_of(model, {TopColumn::remaining}), (Keys{"b", "c", "a"}));
    EXPECT_EQ(keys_of(model, {TopColumn::waiting}), (Keys{"c", "b", "a"}));
    EXPECT_EQ(keys_of(model, {TopColumn::waited}), (Keys{"a", "b", "c"})) << "by key where equal";
    EXPECT_EQ(keys_of(model, {TopColumn::grants}), (Keys{"c", "a", "b"}));
    EXPECT_EQ(keys_of(model, {TopColumn::key, true}), (Keys{"c", "b", "a"}));
    EXPECT_EQ(keys_of(model, {TopColumn::waited, true}), (Keys{"c", "a", "b"}));
}

TEST(TopModel, FiltersByKeyAndOwner) {
    TopModel model;
    ListedLock other = lock("b", 1);
    other.info.owner = "host:7";
    model.update(at(0s), {lock("a", 1), other, lock("host", 1)});
    EXPECT_EQ(keys_of(model, {.filter = "host"}), (Keys{"b", "host"}));
    EXPECT_EQ(keys_of(model, {.filter = "Host"}), Keys{});
    EXPECT_EQ(model.total().locks, 3U) << "the total is that of all";
}

void type(TopControls& controls, const std::string& text) {
    for (const char key : text) EXPECT_EQ(controls.press(key), Reaction::draw) << text;
}

TEST(TopControls, GoesThroughTheColumnsAndTurnsThemRound) {
    TopControls controls;
    std::vector<TopColumn> columns;
    for (int i = 0; i < 6; ++i) {
        columns.push_back(controls.order().column);
        type(controls, "s");
    }
    EXPECT_EQ(columns, (std::vector{TopColumn::key, TopColumn::remaining, TopColumn::waiting,
                                    TopColumn::waited, TopColumn::grants, TopColumn::key}));
    type(controls, "r");
    EXPECT_TRUE(controls.order().reversed);
    type(controls, "r");
    EXPECT_FALSE(controls.order().reversed);
    EXPECT_EQ(controls.press('q'), Reaction::quit);
    EXPECT_EQ(controls.press(' '), Reaction::refresh);
    EXPECT_EQ(controls.press('x'), Reaction::nothing);
}

TEST(TopControls, TakesAFilterAtEnterAndDropsItAtEscape) {
    TopControls controls;
    type(controls, "/q sr/");
    EXPECT_EQ(controls.typed(), "q sr/");
    EXPECT_EQ(controls.order().filter, "") << "not taken yet";
    EXPECT_EQ(controls.press('\t'), Reaction::nothing);
    type(controls, "\r");
    EXPECT_EQ(controls.order().filter, "q sr/");
    EXPECT_FALSE(controls.typed());
    type(controls, "/new\x1b");
    EXPECT_FALSE(controls.typed());
    EXPECT_EQ(controls.order().filter, "q sr/") << "the old one stays";
    type(controls, "\x1b");
    EXPECT_EQ(controls.order().filter, "");
    type(controls, "/x\n/\n");
    EXPECT_EQ(controls.order().filter, "");
}

TEST(TopControls, DropsWholeCharacters) {
    TopControls controls;
    type(controls, "/aü€\x7f");
    EXPECT_EQ(controls.typed(), "aü");
    type(controls, "\b");
    EXPECT_EQ(controls.typed(), "a");
    type(controls, "\b\b");
    EXPECT_EQ(controls.typed(), "");
}

}  // namespace
}  // namespace leaselock::cli
