// Goal: of those who wait for one lock one contends, and the turn goes on in the order in which
// they came, however they come and go. Method: the queue alone with tickets that count their turns;
// and random steps, held against a model of a few lines.
#include "core/local_queue.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>
#include <string>

#include <leaselock/memory_backend.hpp>

namespace leaselock::detail {
namespace {

class LocalQueueTest : public ::testing::Test {
  protected:
    struct Ticket final : LocalQueue::Ticket {
        using LocalQueue::Ticket::Ticket;
        WakeUp turn() noexcept override {
            ++turns;
            return {};
        }
        int turns = 0;
    };

    MemoryBackend backend_;
    MemoryBackend other_;
    LocalQueue queue_;
    Ticket a_{backend_, "key"};
    Ticket b_{backend_, "key"};
    Ticket c_{backend_, "key"};
    Ticket d_{backend_, "key"};
};

TEST_F(LocalQueueTest, NobodyIsQueuedWhereNobodyContends) {
    EXPECT_FALSE(queue_.busy());
    EXPECT_FALSE(queue_.join(a_));
    EXPECT_FALSE(queue_.busy());
    EXPECT_TRUE(queue_.contend(a_, true));
    EXPECT_TRUE(queue_.busy());
    EXPECT_TRUE(queue_.contend(a_, true)) << "again changes nothing";
    queue_.leave(a_);
    EXPECT_FALSE(queue_.busy());
    queue_.leave(a_);
    EXPECT_FALSE(queue_.busy());
    EXPECT_EQ(a_.turns, 0);
}

TEST_F(LocalQueueTest, TurnGoesOnInOrder) {
    EXPECT_TRUE(queue_.contend(a_, true));
    EXPECT_TRUE(queue_.join(b_));
    EXPECT_FALSE(queue_.contend(c_, true)) << "it has polled, and waits all the same";
    EXPECT_TRUE(queue_.join(d_));
    queue_.leave(a_);
    EXPECT_EQ(b_.turns, 1);
    EXPECT_TRUE(queue_.contend(b_, true));
    EXPECT_FALSE(queue_.contend(c_, true));
    queue_.leave(b_);
    EXPECT_EQ(c_.turns, 1);
    queue_.leave(c_);
    EXPECT_EQ(d_.turns, 1);
    queue_.leave(d_);
    EXPECT_FALSE(queue_.busy());
}

TEST_F(LocalQueueTest, WhoLeavesTheMiddleOrTheEndIsSkipped) {
    (void)queue_.contend(a_, true);
    for (Ticket* const each : {&b_, &c_, &d_}) EXPECT_TRUE(queue_.join(*each));
    queue_.leave(c_);
    queue_.leave(d_);
    EXPECT_TRUE(queue_.join(c_));  // behind b
    queue_.leave(a_);
    queue_.leave(b_);
    EXPECT_EQ(c_.turns, 1);
    EXPECT_EQ(d_.turns, 0);
}

TEST_F(LocalQueueTest, KeysAndBackendsDoNotMeet) {
    Ticket other_key{backend_, "other key"};
    Ticket other_backend{other_, "key"};
    EXPECT_TRUE(queue_.contend(a_, true));
    EXPECT_FALSE(queue_.join(other_key));
    EXPECT_TRUE(queue_.contend(other_key, true));
    EXPECT_FALSE(queue_.join(other_backend));
    EXPECT_TRUE(queue_.contend(other_backend, true));
    queue_.leave(a_);
    EXPECT_EQ(other_key.turns + other_backend.turns, 0);
    queue_.leave(other_key);
    queue_.leave(other_backend);
}

TEST_F(LocalQueueTest, ReleaseIsForAContenderWhoIsNotTold) {
    (void)queue_.contend(a_, true);
    EXPECT_TRUE(queue_.join(b_));
    queue_.released(backend_, "key");
    EXPECT_EQ(a_.turns, 0);
    (void)queue_.contend(a_, false);
    queue_.released(other_, "key");
    queue_.released(backend_, "other key");
    EXPECT_EQ(a_.turns, 0);
    queue_.released(backend_, "key");
    EXPECT_EQ(a_.turns, 1);
    EXPECT_EQ(b_.turns, 0);
    // The next one has not polled yet, so it was not notified.
    (void)queue_.contend(b_, true);
    queue_.leave(a_);
    queue_.released(backend_, "key");
    EXPECT_EQ(b_.turns, 2);
    queue_.leave(b_);
}

TEST_F(LocalQueueTest, AgreesWithAModelWhateverComes) {
    const std::array<std::string, 3> keys{"key", "other key", "third key"};
    struct Actor {
        std::unique_ptr<Ticket> ticket;
        std::string key;
        int expected = 0;  // turns
    };
    std::vector<Actor> actors;
    for (std::size_t i = 0; i < 24; ++i) {
        const std::string& key = keys[i % keys.size()];
        actors.push_back({std::make_unique<Ticket>(backend_, key), key});
    }
    std::map<std::string, std::deque<Actor*>> model;  // who contends, and the line behind
    std::mt19937 random{std::random_device{}()};
    for (int step = 0; step < 20'000; ++step) {
        Actor& actor = actors[random() % actors.size()];
        auto& line = model[actor.key];
        const auto found = std::find(line.begin(), line.end(), &actor);
        if (found == line.end() && random() % 2 == 0) {
            ASSERT_EQ(queue_.join(*actor.ticket), !line.empty());
            if (!line.empty()) line.push_back(&actor);
        } else if (found == line.end() || random() % 3 == 0) {
            if (found == line.end()) line.push_back(&actor);
            ASSERT_EQ(queue_.contend(*actor.ticket, true), line.front() == &actor);
        } else {
            const bool was_first = found == line.begin();
            line.erase(found);
            if (was_first && !line.empty()) ++line.front()->expected;
            queue_.leave(*actor.ticket);
        }
        for (const Actor& each : actors) ASSERT_EQ(each.ticket->turns, each.expected);
    }
    for (Actor& each : actors) queue_.leave(*each.ticket);
    EXPECT_FALSE(queue_.busy());
}

}  // namespace
}  // namespace leaselock::detail
