// Goal: a coroutine or a callback that waits is notified of the end of its manager, in time, and
// however the two meet. Method: the manager goes away at moments that are hard to meet, on a clock
// that stands still; and at any moment, many times.
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <leaselock/async.hpp>
#include <leaselock/memory_backend.hpp>

#include "core/reactor.hpp"
#include "support/coroutines.hpp"
#include "unit/waiting_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using Kind = QueueStore::Kind;

// Polls each second, which is more than its manager has for its end.
const LockOptions patient{.ttl = 1h, .wait_timeout = forever, .retry_delay = 1min};

TEST(AsyncEnd, WaitThatBeginsWhileItsManagerGoesAwayIsCancelled) {
    WaitingWorld world{Kind::silent};
    const auto holder = world.other.acquire("key", {.ttl = 1h});
    auto manager = std::make_unique<LockManager>(world.make("mortal:3"));
    std::future<void> end;
    std::promise<void> begun;
    // Its first poll has been answered, and it does not wait yet.
    world.store->before_silence([&] {
        end = std::async(std::launch::async, [&] { manager.reset(); });
        world.clock->wait_for_sleepers(1);
        begun.set_value();
    });
    std::promise<std::error_code> done;
    auto told = done.get_future();
    manager->async_acquire("key", patient, {}, [&](auto lock, std::error_code ec) {
        EXPECT_FALSE(lock);
        done.set_value(ec);
    });
    begun.get_future().wait();
    world.pass_time_until_done(end);
    ASSERT_EQ(told.wait_for(0s), std::future_status::ready);
    EXPECT_EQ(told.get(), Errc::cancelled);
}

// It begins to wait, and knows of no end, while its manager goes away.
class MetByTheEnd final : public detail::Reactor::Task {
  public:
    explicit MetByTheEnd(detail::Reactor& whose) noexcept : whose_{whose} {
        continuation = {.run = [](void* self, void*) { static_cast<MetByTheEnd*>(self)->tell(); },
                        .context = this};
    }
    [[nodiscard]] std::future<bool> gives_up() { return gives_up_.get_future(); }

  private:
    Wait step(Clock::time_point now, bool give_up) noexcept override {
        if (!std::exchange(met_, true)) {
            whose_.stop(now);
            return {.until = Clock::time_point::max()};
        }
        gave_up_ = give_up;
        return {.done = true};
    }
    void tell() { gives_up_.set_value(gave_up_); }

    detail::Reactor& whose_;
    std::promise<bool> gives_up_;
    bool met_ = false;
    bool gave_up_ = false;
};

TEST(AsyncEnd, TaskThatBeginsToWaitAtTheEndGivesUp) {
    const auto reactor = std::make_shared<detail::Reactor>(boot_clock());
    ASSERT_TRUE(detail::Reactor::start(reactor));
    MetByTheEnd task{*reactor};
    auto gives_up = task.gives_up();
    ASSERT_TRUE(reactor->add(task));
    ASSERT_EQ(gives_up.wait_for(30s), std::future_status::ready);
    EXPECT_TRUE(gives_up.get());
}

TEST(AsyncEnd, WaitsThatBeginAtAnyTimeAreCancelled) {
    const auto store = std::make_shared<MemoryBackend>();
    LockManager holder;
    holder.register_backend("store", store);
    const auto held = holder.acquire("key", {.backend = "store"});
    constexpr int waits = 8;
    for (int round = 0; round < 200; ++round) {
        std::atomic<int> cancelled{0};
        auto manager = std::make_unique<LockManager>(
            ManagerOptions{.backend = "store", .shutdown_timeout = 20s});
        manager->register_backend("store", store);
        for (int i = 0; i < waits; ++i) {
            [](LockManager& locks, std::atomic<int>& count) -> support::Detached {
                std::error_code ec;
                (void)co_await locks.async_acquire("key", patient, {}, ec);
                if (ec == Errc::cancelled) ++count;
            }(*manager, cancelled);
        }
        manager.reset();
        ASSERT_EQ(cancelled, waits) << "in round " << round;
    }
}

}  // namespace
}  // namespace leaselock
