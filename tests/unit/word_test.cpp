// Goal: what is set in a word is seen by the thread that waits, whenever it comes; and the word may
// go as soon as it was seen.
// Method: real threads; times are bounded by ten times their value. Under TSan the last
// test sees whether a thread that sets a word touches it afterwards.
#include <atomic>
#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <leaselock/detail/word.hpp>

#include "base/descriptor.hpp"
#include "support/poll_until.hpp"

namespace leaselock::detail {
namespace {

using namespace std::chrono_literals;

Word::Bits wait_for_some(Word& word) {
    for (;;) {
        if (const Word::Bits bits = word.wait(20s); bits != 0) return bits;
    }
}

// A thread that sets one word after the other, each as soon as it is offered.
class Setter {
  public:
    explicit Setter(int rounds)
        : thread_{[this, rounds] {
              for (int i = 0; i < rounds; ++i) {
                  Word* word = nullptr;
                  while ((word = offered_.exchange(nullptr)) == nullptr) std::this_thread::yield();
                  word->set(1);
              }
          }} {}
    void offer(Word& word) { offered_ = &word; }
    void join() { thread_.join(); }

  private:
    std::atomic<Word*> offered_{nullptr};
    std::thread thread_;
};

TEST(Word, WhatIsSetBeforeEndsTheWaitAtOnce) {
    Word word;
    EXPECT_EQ(word.get(), 0U);
    word.set(2);
    word.set(1);
    EXPECT_EQ(word.wait(1h), 3U);
    EXPECT_EQ(word.take(2), 2U);
    EXPECT_EQ(word.take(2), 0U);
    EXPECT_EQ(word.wait(1h), 1U);
}

TEST(Word, WaitEndsWithItsTime) {
    Word word;
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(word.wait(20ms), 0U);
    EXPECT_LT(std::chrono::steady_clock::now(), begin + 10 * 20ms + 1s);
    EXPECT_EQ(word.wait(0ns), 0U);
    EXPECT_EQ(word.wait(std::chrono::nanoseconds::min()), 0U);
    EXPECT_FALSE(word.asleep());
}

TEST(Word, ThreadThatSleepsIsWoken) {
    Word word;
    std::atomic<Word::Bits> seen{0};
    std::thread waiter{[&] { seen = wait_for_some(word); }};
    EXPECT_TRUE(support::poll_until([&] { return word.asleep(); }));
    word.set(4);
    EXPECT_FALSE(word.asleep());
    waiter.join();
    EXPECT_EQ(seen, 4U);
}

// It is woken by the one that was kept last: moving it wakes nobody.
TEST(Word, ThreadSleepsUntilTheWakeUpGoes) {
    Word word;
    auto waiter = std::async(std::launch::async, [&] { return wait_for_some(word); });
    EXPECT_TRUE(support::poll_until([&] { return word.asleep(); }));
    WakeUp kept = word.set(1);
    {
        WakeUp moved = std::move(kept);
        EXPECT_EQ(waiter.wait_for(20ms), std::future_status::timeout);
        kept = std::move(moved);
    }
    EXPECT_EQ(waiter.wait_for(20ms), std::future_status::timeout);
    kept = WakeUp{};
    EXPECT_EQ(waiter.wait_for(5s), std::future_status::ready);
    EXPECT_EQ(waiter.get(), 1U);
}

TEST(Word, WaitWithoutAnEndIsEndedToo) {
    Word word;
    std::thread waiter{[&] { EXPECT_EQ(word.wait(std::chrono::nanoseconds::max()), 1U); }};
    EXPECT_TRUE(support::poll_until([&] { return word.asleep(); }));
    word.set(1);
    waiter.join();
}

TEST(Word, EachOfManySettersIsSeen) {
    constexpr Word::Bits all = 0xff;
    Word word;
    std::vector<std::thread> setters;
    for (Word::Bits bit = 1; bit < all; bit <<= 1) {
        setters.emplace_back([&word, bit] { word.set(bit); });
    }
    Word::Bits seen = 0;
    while (seen != all) seen |= word.take(wait_for_some(word));
    for (std::thread& each : setters) each.join();
}

// The waiter frees the word when it has seen what was set, while the other thread is still in
// set().
TEST(Word, MayGoWhenItWasSeen) {
    constexpr int rounds = 20'000;
    Setter setter{rounds};
    for (int i = 0; i < rounds; ++i) {
        auto word = std::make_unique<Word>();
        setter.offer(*word);
        while (i % 2 == 0 && word->get() == 0) std::this_thread::yield();
        ASSERT_EQ(wait_for_some(*word), 1U);
    }
    setter.join();
}

void read_ring(const base::Descriptor& bell) {
    std::uint64_t rings = 0;
    EXPECT_EQ(::read(bell.get(), &rings, sizeof rings), ssize_t{sizeof rings});
    EXPECT_EQ(rings, 1U);
}

// A thread that sleeps in poll(), by an eventfd of its own for as long as it sleeps.
bool sleep_by_a_bell(Word& word) {
    const base::Descriptor bell{::eventfd(0, EFD_CLOEXEC)};
    if (!word.begin_poll(bell.get())) return false;
    pollfd what{bell.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&what, 1, 20'000), 1);
    EXPECT_TRUE(word.end_poll());
    read_ring(bell);
    return true;
}

TEST(Word, BellIsRungOnceForAThreadThatPolls) {
    Word word;
    std::thread waiter{[&] { EXPECT_TRUE(sleep_by_a_bell(word)); }};
    EXPECT_TRUE(support::poll_until([&] { return word.asleep(); }));
    word.set(1);
    word.set(2);
    waiter.join();
    EXPECT_EQ(word.get(), 3U);
    EXPECT_FALSE(word.asleep());
}

TEST(Word, WhatIsSetBeforeKeepsTheThreadFromPolling) {
    Word word;
    word.set(1);
    EXPECT_FALSE(sleep_by_a_bell(word));
    EXPECT_EQ(word.take(1), 1U);
    EXPECT_TRUE(word.begin_poll(-1));
    EXPECT_FALSE(word.end_poll()) << "nothing was set";
    EXPECT_FALSE(word.asleep());
}

// The thread may come from poll() for another reason just when something is set: it waits for the
// ring then.
TEST(Word, BellIsRungWheneverTheWordWasSetMeanwhile) {
    constexpr int rounds = 2'000;
    const base::Descriptor bell{::eventfd(0, EFD_CLOEXEC)};
    Setter setter{rounds};
    for (int i = 0; i < rounds; ++i) {
        auto word = std::make_unique<Word>();
        setter.offer(*word);
        while (word->begin_poll(bell.get())) {
            if (word->end_poll()) {
                read_ring(bell);
            } else {
                std::this_thread::yield();
            }
        }
        ASSERT_EQ(word->get(), 1U);
    }
    setter.join();
    pollfd what{bell.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&what, 1, 0), 0) << "no ring is left";
}

}  // namespace
}  // namespace leaselock::detail
