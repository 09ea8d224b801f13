// Goal: one connection carries many callers at once: what the sockets cannot take is sent later,
// who cannot be served is let go in time, and nobody gets another one's answer. Method: a peer that
// does not read, stops reading, hangs up or sends everybody away, and hundreds to thousands of
// commands.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "fault/channel_call.hpp"
#include "fault/lock_peer.hpp"
#include "support/poll_until.hpp"

namespace leaselock::redis {
namespace {

using support::Answer;
using support::Heard;
using support::LockPeer;
using support::poll_until;

class RedisCommandChannelLoad : public ::testing::Test {
  protected:
    LockPeer lock_peer_;
    support::ScriptedPeer& peer_ = lock_peer_.peer();
};

// Without a back-off each of the 200 calls would make a connection of its own.
TEST_F(RedisCommandChannelLoad, ManyCallersDoNotHammerAServerThatSendsThemAway) {
    peer_.on_connect([] { return Answer::close("-ERR max number of clients reached\r\n"); });
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    const auto start = boot_clock()->now();
    {
        std::vector<std::jthread> threads;
        threads.reserve(50);
        for (int i = 0; i < 50; ++i) {
            threads.emplace_back([&] {
                for (int n = 0; n < 4; ++n) {
                    Call call{n};
                    run(channel, call);
                    EXPECT_EQ(call.reply().outcome, Outcome::failed);
                    EXPECT_EQ(family(call.reply().error), Family::unavailable);
                }
            });
        }
    }
    // The pauses are 10, 20, 40, 80, 160 ms, then 250 and more.
    const auto quarter_seconds = (boot_clock()->now() - start) / 250ms;
    EXPECT_LE(peer_.connections(), 7U + static_cast<std::size_t>(quarter_seconds));
}

// More than the sockets take while the peer does not read: the rest is sent later, cut anywhere,
// and not one byte is lost.
TEST_F(RedisCommandChannelLoad, FloodOfCommandsIsCutAnywhereAndArrivesWhole) {
    CommandChannel channel{settings(peer_.endpoint(), 6 * enough), boot_clock()};
    Call first{20'001};
    run(channel, first);
    std::atomic<bool> all_submitted{false};
    lock_peer_.on_call([&](const Heard& call) {
        (void)poll_until([&] { return all_submitted.load(); });
        return support::yes(call);
    });
    const std::string long_key(500, 'k');
    std::deque<Call> calls;
    for (int i = 1; i <= 20'000; ++i) {
        channel.submit(
            calls.emplace_back(i, Verb::acquire, Clock::time_point::max(), long_key).operation);
    }
    all_submitted = true;
    for (Call& call : calls) finish(channel, call);
    for (const Call& call : calls) expect_granted(call);
    EXPECT_EQ(peer_.connections(), 1U);
}

TEST_F(RedisCommandChannelLoad, PeerThatStopsReadingHoldsNobodyLongerThanTheTimeout) {
    CommandChannel channel{settings(peer_.endpoint(), 4 * soon), boot_clock()};
    lock_peer_.script({Answer::stop_reading()});
    Call first{0};
    channel.submit(first.operation);
    finish(channel, first);
    expect_failed(first, Errc::command_timed_out);
    lock_peer_.on_call([](const Heard&) { return Answer::stop_reading(); });
    std::deque<Call> calls;
    const auto start = boot_clock()->now();
    for (int i = 1; i <= 30'000; ++i) channel.submit(calls.emplace_back(i).operation);
    for (Call& call : calls) finish(channel, call);
    EXPECT_LT(boot_clock()->now() - start, enough);
    for (const Call& call : calls) EXPECT_EQ(call.reply().outcome, Outcome::failed);
    lock_peer_.on_call(support::yes);
    Call next{9};
    run(channel, next);
    expect_granted(next);
}

// While it is on its way another release is submitted each time, and sent once more, too.
TEST_F(RedisCommandChannelLoad, AcquireOfAHeldLockIsAnsweredHoweverManyReleasesComeAfterIt) {
    constexpr std::size_t most = 20;
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    std::deque<Call> releases;
    const auto post = [&] {
        Operation& operation = releases.emplace_back(1, Verb::release).operation;
        operation.submitter = Submitter::passes_by;
        channel.submit(operation);
    };
    std::atomic<std::size_t> acquires{0};
    lock_peer_.on_call([&](const Heard& call) {
        if (call.verb != Verb::acquire) {
            return call.whole_script ? support::yes(call) : Answer::reply("-NOSCRIPT\r\n");
        }
        if (++acquires < most) post();
        return Answer::reply(support::held_by("other/1", 1'000));
    });
    post();
    Call acquire{2};
    run(channel, acquire);
    EXPECT_EQ(acquire.reply().outcome, Outcome::held);
    EXPECT_TRUE(poll_until([&] {
        return std::all_of(releases.begin(), releases.end(),
                           [](const Call& each) { return each.operation.done(); });
    }));
    EXPECT_EQ(acquires, 2U);
}

// That of another lock has nothing to do with it.
TEST_F(RedisCommandChannelLoad, AcquireIsAnsweredAtOnceWhereAReleaseOfAnotherLockIsSentOnceMore) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.on_call([](const Heard& call) {
        if (call.verb == Verb::acquire) return Answer::reply(support::held_by("other/1", 1'000));
        return call.whole_script ? support::yes(call) : Answer::reply("-NOSCRIPT\r\n");
    });
    Call release{1, Verb::release, Clock::time_point::max(), "another"};
    release.operation.submitter = Submitter::passes_by;
    Call acquire{2};
    channel.submit(release.operation);
    run(channel, acquire);
    EXPECT_EQ(acquire.reply().outcome, Outcome::held);
    EXPECT_TRUE(poll_until([&] { return release.operation.done(); }));
    EXPECT_EQ(lock_peer_.calls().size(), 3U);
}

// Memory of operations, each in pages of its own. What is read or written of one while it is
// locked is counted, by the signal that this raises, and unlocks it.
class WatchedPages {
  public:
    explicit WatchedPages(std::size_t count) : bytes_{count * page()} {
        void* const memory =
            ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memory_ = memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
        struct sigaction action {};
        action.sa_sigaction = &WatchedPages::touched;
        action.sa_flags = SA_SIGINFO;
        ::sigaction(SIGSEGV, &action, &before_);
    }
    WatchedPages(const WatchedPages&) = delete;
    WatchedPages& operator=(const WatchedPages&) = delete;
    ~WatchedPages() {
        ::sigaction(SIGSEGV, &before_, nullptr);
        ::munmap(memory_, bytes_);
    }

    [[nodiscard]] void* at(std::size_t index) const { return memory_ + index * page(); }
    void lock() const { ASSERT_EQ(::mprotect(memory_, bytes_, PROT_NONE), 0); }
    // Gives how many of them were touched.
    [[nodiscard]] int unlock() const {
        EXPECT_EQ(::mprotect(memory_, bytes_, PROT_READ | PROT_WRITE), 0);
        return touched_.exchange(0);
    }

  private:
    static std::size_t page() {
        static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        return size;
    }
    static void touched(int /*signal*/, siginfo_t* info, void* /*context*/) {
        ++touched_;
        auto* const at = static_cast<char*>(info->si_addr);
        char* const begin = at - reinterpret_cast<std::uintptr_t>(at) % page();
        if (::mprotect(begin, page(), PROT_READ | PROT_WRITE) != 0) std::abort();
    }

    static inline std::atomic<int> touched_{0};

    const std::size_t bytes_;
    char* memory_;
    struct sigaction before_ {};
};

// Thousands of releases may be posted before the first is answered, so none may look through them.
TEST_F(RedisCommandChannelLoad, PostedReleaseLooksAtNoneOfThoseBeforeIt) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    expect_granted(channel, 1);
    lock_peer_.on_call([](const Heard&) { return Answer::silence(); });
    constexpr std::size_t count = 50;
    WatchedPages pages{count};
    std::vector<Operation*> posted;
    const auto post = [&](Operation& operation) {
        operation.submitter = Submitter::passes_by;
        channel.submit(operation);
    };
    for (std::size_t i = 0; i < count; ++i) {
        posted.push_back(new (pages.at(i)) Operation{{.verb = Verb::release,
                                                      .key = "key",
                                                      .token = "me/1",
                                                      .submitted = boot_clock()->now()}});
        post(*posted.back());
    }
    Call last{1, Verb::release};
    pages.lock();
    post(last.operation);
    EXPECT_EQ(pages.unlock(), 0);
    for (Operation* const operation : posted) {
        channel.cancel(*operation);
        std::destroy_at(operation);
    }
    channel.cancel(last.operation);
}

// The first caller waits alone when the connection is there, so it reads for both. Its answer comes
// when the second one sleeps; the second one's when the first has gone.
TEST_F(RedisCommandChannelLoad, WhoeverReadsForAllHandsThatOnWhenItsOwnAnswerIsThere) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.on_call([](const Heard&) { return Answer::silence(); });
    Call first{1};
    Call second{2};
    channel.submit(first.operation);
    channel.submit(second.operation);
    std::jthread reader{[&] { finish(channel, first); }};
    ASSERT_TRUE(poll_until([&] { return lock_peer_.calls().size() == 2; }));
    std::atomic<bool> is_over{false};
    std::jthread sleeper{[&] {
        finish(channel, second);
        is_over = true;
    }};
    EXPECT_TRUE(
        poll_until([until = boot_clock()->now() + soon] { return boot_clock()->now() > until; }));
    peer_.push(support::granted("1"));
    reader.join();
    peer_.push(support::granted("2"));
    EXPECT_TRUE(poll_until([&] { return is_over.load(); }, enough / 2)) << "nobody reads on";
    sleeper.join();
    expect_granted(first);
    expect_granted(second);
}

// Roles change hands all the time: callers that leave early, that stay, and a peer that hangs up.
TEST_F(RedisCommandChannelLoad, CallersWithAllKindsOfDeadlinesGetTheirOwnAnswersOnly) {
    CommandChannel channel{settings(peer_.endpoint(), enough), boot_clock()};
    lock_peer_.on_call([n = 0](const Heard& call) mutable {
        return ++n % 97 == 0 ? Answer::close() : support::yes(call);
    });
    std::vector<std::jthread> threads;
    threads.reserve(8);
    for (int thread = 0; thread < 8; ++thread) {
        threads.emplace_back([&channel, thread] {
            for (int i = 0; i < 500; ++i) {
                const auto until = i % 3 == 0 ? boot_clock()->now() + std::chrono::microseconds{i}
                                              : Clock::time_point::max();
                Call call{thread * 1000 + i + 1, Verb::acquire, until};
                run(channel, call);
                ASSERT_TRUE(call.operation.done());
                if (call.reply().outcome == Outcome::failed) {
                    const Errc error = call.reply().error;
                    EXPECT_TRUE(family(error) == Family::unknown || error == Errc::connect_failed);
                } else {
                    expect_granted(call);
                }
            }
        });
    }
}

}  // namespace
}  // namespace leaselock::redis
