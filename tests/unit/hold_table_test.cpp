// Goal: no lease is overlooked by the collector while its thread acquires others. Method: a table
// and no thread of the library; the test's own thread makes the plan while another one fills a slot
// of its own that the plan has just emptied.
#include "core/hold_table.hpp"

#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "core/core.hpp"

namespace leaselock::detail {
namespace {

using namespace std::chrono_literals;

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as an Alarm
struct Bell final : Alarm {
    void ring() noexcept override { ++rings; }
    [[nodiscard]] bool is_at_rest() const noexcept override { return true; }
    std::atomic<int> rings{0};
};

LeasePtr lease_of(const std::shared_ptr<Core>& core, std::chrono::milliseconds ttl,
                  Clock::time_point now) {
    Failure failure;
    const LockOptions options;
    LeasePtr lease = Core::make_lease(core, "k", {}, options, failure);
    lease->granted({1, ttl, now, now, true}, ttl, options);
    return lease;
}

// A thread that is told what to do next, so that both do it in the same moment.
class Steps {
  public:
    void reach(int step) { step_ = step; }
    // Without a sleep: those who wait begin at once.
    void await(int step) const {
        while (!passed(step)) std::this_thread::yield();
    }

    [[nodiscard]] bool passed(int step) const { return step_ >= step; }

  private:
    std::atomic<int> step_{0};
};

// A slot is filled again while those after it are not looked at yet. The lease in the last one is
// due first, and has rung for that.
TEST(HoldTable, LeaseIsListedWhileASlotBeforeItIsFilledAgain) {
    constexpr int rounds = 6000;
    const auto core = std::make_shared<Core>(ManagerOptions{.owner = "t:1"});
    const Clock::time_point now = boot_clock()->now();
    std::mt19937 random{1};
    Bell bell;
    for (int round = 0; round < rounds; ++round) {
        HoldTable table{bell};
        const LeasePtr planned = lease_of(core, 30s, now);
        const LeasePtr rings_later = lease_of(core, 18s, now);
        table.add_at_once(*planned);
        (void)table.plan_check(now + 1us);  // in 10 s
        Steps mine;
        Steps its;
        const auto delay = random() % 400;
        std::thread thread{[&] {
            std::vector<LeasePtr> held;
            for (std::size_t i = 1; i < OwnHolds::most; ++i) {
                held.push_back(lease_of(core, 60s, now));
            }
            held.push_back(lease_of(core, 3s, now));
            const LeasePtr again = lease_of(core, 60s, now);
            for (const LeasePtr& each : held) table.add_at_once(*each);
            its.reach(1);
            mine.await(1);
            for (auto left = delay; left > 0; --left) (void)mine.passed(1);
            table.add_at_once(*again);
            its.reach(2);
            mine.await(2);
            for (const LeasePtr& each : held) (void)table.take_out(*each, now);
            (void)table.take_out(*again, now);
        }};
        its.await(1);
        table.add_at_once(*rings_later);  // in 6 s
        bell.rings = 0;
        mine.reach(1);
        Clock::time_point next = table.plan_check(now + 2us);
        its.await(2);
        while (bell.rings.exchange(0) > 0) next = table.plan_check(now + 3us);
        EXPECT_LE(next, now + 1s) << "when the lease of 3 s is to be renewed";
        mine.reach(2);
        thread.join();
        (void)table.take_out(*planned, now);
        (void)table.take_out(*rings_later, now);
        if (HasFailure()) break;
    }
}

}  // namespace
}  // namespace leaselock::detail
