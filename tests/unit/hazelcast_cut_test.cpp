// Goal: wherever a connection breaks, a lock is granted once, is free in the end, and nobody
// believes to hold it twice. Method: a Client beside a lock in memory that remembers the uids of
// calls, as a member does; the connection is cut after each byte of the answers in turn, and each
// request that has no answer by then either ran or did not.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "unit/hazelcast_world.hpp"

namespace leaselock::hazelcast {
namespace {

// One lock, and the calls on it that have run.
class Store {
  public:
    // The answer as bytes.
    std::string run(const Asked& asked) {
        switch (asked.what) {
            case Ask::create_session:
                return reply(asked, World::bytes_of(1, 8) + World::bytes_of(10'000, 8) +
                                        World::bytes_of(2000, 8));
            case Ask::try_lock: return reply(asked, World::bytes_of(try_lock(asked), 8));
            case Ask::unlock: return reply(asked, std::string(1, unlock(asked) ? '\0' : '\1'));
            case Ask::ownership:
                return reply(asked, World::bytes_of(owner_ == 0 ? 0 : fence_, 8) +
                                        World::bytes_of(owner_ == 0 ? 0 : 1, 4) +
                                        World::bytes_of(1, 8) + World::bytes_of(owner_, 8));
            case Ask::create_group: return group(asked);
            default: return reply(asked, {});
        }
    }
    [[nodiscard]] bool is_free() const { return owner_ == 0; }
    [[nodiscard]] int grants() const { return grants_; }
    [[nodiscard]] int levels() const { return levels_; }

  private:
    static std::string reply(const Asked& asked, const std::string& numbers) {
        return World::answer_of(asked, numbers);
    }
    static std::string group(const Asked& asked) {
        std::string bytes;
        Writer{bytes, static_cast<std::uint32_t>(asked.what) + 1, asked.correlation}
            .begin()
            .frame(0)
            .i64(0)
            .i64(7)
            .text("default")
            .end()
            .finish();
        return bytes;
    }
    std::uint64_t try_lock(const Asked& asked) {
        const auto known = calls_.find({asked.call().high, asked.call().low});
        if (known != calls_.end()) return known->second;
        std::uint64_t& result = calls_[{asked.call().high, asked.call().low}];
        if (owner_ != 0 && owner_ != asked.thread()) return result = 0;
        if (owner_ == 0) {
            ++grants_;
            ++fence_;
        }
        owner_ = asked.thread();
        ++levels_;
        return result = fence_;
    }
    bool unlock(const Asked& asked) {
        const auto known = calls_.find({asked.call().high, asked.call().low});
        if (known != calls_.end()) return true;
        if (owner_ != asked.thread()) return true;  // of no matter here: it is free for it
        calls_[{asked.call().high, asked.call().low}] = 0;
        if (--levels_ == 0) owner_ = 0;
        return levels_ == 0;
    }

    std::uint64_t owner_ = 0;
    std::uint64_t fence_ = 40;
    int levels_ = 0;
    int grants_ = 0;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> calls_;
};

// A client whose connection is cut after so many bytes of answers.
class CutWorld {
  public:
    CutWorld(std::size_t cut, bool runs) : cut_{cut}, runs_{runs} { open(); }

    // As a manager does: an outcome that is not known is asked for again, by the same token.
    Reply ask(Verb verb) {
        for (int tries = 0; tries < 3; ++tries) {
            Question question{verb, 1};
            question.request.submitted = world_.now;
            question.operation.emplace(question.request);
            world_.client.submit(*question.operation, world_.now);
            serve();
            EXPECT_TRUE(question.done());
            const Reply& reply = question.reply();
            if (reply.outcome != Outcome::failed) return std::move(question.operation->reply);
            EXPECT_EQ(reply.error, Errc::connection_lost);
        }
        ADD_FAILURE() << "not answered";
        return {};
    }
    [[nodiscard]] bool was_cut() const { return is_cut_; }
    Store store;

  private:
    void open() {
        assembler_ = std::make_unique<Assembler>();
        world_.client.connected({5, 5}, world_.now);
        serve();
    }
    // Until nothing more is asked.
    void serve() {
        for (auto asked = world_.asked(); !asked.empty(); asked = world_.asked()) {
            for (std::size_t i = 0; i < asked.size(); ++i) {
                if (deliver(asked[i])) continue;
                for (++i; i < asked.size() && runs_; ++i) (void)store.run(asked[i]);
                world_.client.disconnected(Errc::connection_lost, "cut", world_.now);
                world_.complete_all();
                open();
                break;
            }
        }
    }
    // False: the connection was cut.
    bool deliver(const Asked& asked) {
        const bool is_last = !is_cut_ && sent_ >= cut_;
        if (is_last && !runs_) return !(is_cut_ = true);
        std::string bytes = store.run(asked);
        const bool cuts = !is_cut_ && sent_ + bytes.size() > cut_;
        if (cuts) bytes.resize(cut_ - std::min(sent_, cut_));
        sent_ += bytes.size();
        assembler_->feed(bytes);
        Message message;
        while (assembler_->next(message) == Assembler::Result::message) {
            EXPECT_TRUE(world_.client.received(message, world_.now));
        }
        world_.complete_all();
        if (cuts) is_cut_ = true;
        return !cuts;
    }

    World world_;
    std::unique_ptr<Assembler> assembler_;
    const std::size_t cut_;
    const bool runs_;
    std::size_t sent_ = 0;
    bool is_cut_ = false;
};

void cut_everywhere(bool runs) {
    int cuts = 0;
    for (std::size_t cut = 0;; ++cut) {
        CutWorld world{cut, runs};
        const Reply grant = world.ask(Verb::acquire);
        ASSERT_EQ(grant.outcome, Outcome::granted) << "cut after " << cut << " bytes";
        EXPECT_EQ(grant.fencing_token, 41U);
        EXPECT_EQ(world.store.levels(), 1) << "a copy is no second level";
        EXPECT_EQ(world.ask(Verb::renew).outcome, Outcome::renewed);
        const Outcome outcome = world.ask(Verb::release).outcome;
        EXPECT_EQ(outcome, Outcome::released) << "cut after " << cut << " bytes";
        EXPECT_TRUE(world.store.is_free());
        EXPECT_EQ(world.store.grants(), 1);
        if (!world.was_cut()) break;
        ++cuts;
    }
    EXPECT_GT(cuts, 200) << "bytes of answers";
}

TEST(HazelcastCut, LockIsGrantedOnceAndFreedWhereverAnAnswerIsCutOff) { cut_everywhere(true); }

TEST(HazelcastCut, LockIsGrantedOnceAndFreedWhereverARequestGetsLost) { cut_everywhere(false); }

}  // namespace
}  // namespace leaselock::hazelcast
