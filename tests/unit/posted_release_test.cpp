// Goal: the answer to the release of a guard's destructor is read by the next caller of that
// connection, and by the manager's own thread only if none comes within 20 ms. Method: a store
// whose answers wait, as those of a connection do, until a thread reads them; a clock that is moved
// by hand.
#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <leaselock/leaselock.hpp>
#include <leaselock/testing/manual_clock.hpp>

namespace leaselock {
namespace {

using namespace std::chrono_literals;

// A connection to a store in memory: whoever reads takes all answers.
class Connection final : public Backend {
  public:
    explicit Connection(std::shared_ptr<MemoryBackend> store) : store_{std::move(store)} {}

    using Backend::submit;
    void submit(std::span<Operation* const> operations) noexcept override {
        const std::lock_guard lock{mutex_};
        unread_.insert(unread_.end(), operations.begin(), operations.end());
    }
    bool pump(Operation& operation, Clock::time_point /*until*/) noexcept override {
        if (std::this_thread::get_id() != caller_) ++read_by_others_;
        const std::lock_guard lock{mutex_};
        for (Operation* const each : std::exchange(unread_, {})) store_->submit(*each);
        return operation.done();
    }
    void detach(Operation& operation) noexcept override {
        const std::lock_guard lock{mutex_};
        std::erase(unread_, &operation);
        operation.fail(Errc::command_timed_out, {});
    }
    std::shared_ptr<Backend> side_channel() override {
        return std::make_shared<Connection>(store_);
    }

    // How often another thread than the one that made it has read.
    [[nodiscard]] int read_by_others() const noexcept { return read_by_others_.load(); }

  private:
    const std::shared_ptr<MemoryBackend> store_;
    const std::thread::id caller_ = std::this_thread::get_id();
    std::atomic<int> read_by_others_{0};
    std::mutex mutex_;
    std::vector<Operation*> unread_;
};

class PostedRelease : public ::testing::Test {
  protected:
    PostedRelease() {
        manager_.register_backend("store", connection_);
        manager_.set_default_backend("store");
    }
    // Moves the time, and waits until the manager's thread has done what is due then.
    void pass(Clock::duration time) {
        clock_->advance(time);
        clock_->wait_for_background();
    }

    std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
    std::shared_ptr<Connection> connection_ =
        std::make_shared<Connection>(std::make_shared<MemoryBackend>());
    LockManager manager_{{.clock = clock_}};
};

TEST_F(PostedRelease, IsReadByTheManagerWithinTwentyMillisecondsIfNobodyCalls) {
    { const ScopedDistributedLock guard{manager_, "key"}; }
    clock_->wait_for_background();
    pass(19ms);
    EXPECT_EQ(connection_->read_by_others(), 0);
    pass(1ms);
    EXPECT_EQ(connection_->read_by_others(), 1);
    pass(1h);
    EXPECT_EQ(connection_->read_by_others(), 1);
}

TEST_F(PostedRelease, IsReadByTheNextCallerAndWakesNobodyForThat) {
    for (int i = 0; i < 20; ++i) {
        { const ScopedDistributedLock guard{manager_, "key"}; }
        clock_->wait_for_background();
        pass(15ms);
    }
    EXPECT_EQ(connection_->read_by_others(), 0);
    pass(20ms);
    EXPECT_EQ(connection_->read_by_others(), 1) << "the last one";
}

}  // namespace
}  // namespace leaselock
