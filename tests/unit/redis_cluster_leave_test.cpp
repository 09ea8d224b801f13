// Goal: a node that leaves the cluster takes nothing with it that is used later, however long its
// connections take to end. Method: nodes that lie, through the backend.
#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <string>

#include "unit/redis_cluster_fixture.hpp"

namespace leaselock {
namespace {

// Counts the calls, and those that come after it was forgotten.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class NotedListener final : public Listener {
  public:
    using Listener::Listener;

    WakeUp handed_over(const HandOff& /*what*/) noexcept override { return note(); }
    WakeUp poll() noexcept override { return note(); }

    void forgotten() { is_forgotten_ = true; }
    [[nodiscard]] int calls() const { return calls_; }
    [[nodiscard]] int late() const { return late_; }

  private:
    WakeUp note() noexcept {
        ++calls_;
        if (is_forgotten_) ++late_;
        return {};
    }

    std::atomic<int> calls_{0};
    std::atomic<int> late_{0};
    std::atomic<bool> is_forgotten_{false};
};

class RedisClusterLeave : public RedisClusterTest {
  protected:
    RedisClusterLeave()
        : backend_{make_redis_backend({.url = backend_name(),
                                       .credentials = [this] { return name_user(); },
                                       .connect_timeout = Duration{patience},
                                       .command_timeout = Duration{patience}})} {}
    // It waits for a connection that is held.
    void TearDown() override {
        gate_.set_value();
        backend_.reset();
    }

    // The next connection that is made takes until the end of the test.
    void hold_next() { holds_next_ = true; }
    [[nodiscard]] bool holds() const { return holds_; }
    // A waiter that has a queue entry, and has subscribed.
    void enter_queue(NotedListener& waiter) {
        first.answers([](int) {
            return "*6\r\n:0\r\n:" + std::to_string(support::wall_clock_us()) + "\r\n" +
                   LyingNode::text_of("other/1") + ":30000\r\n:1\r\n:1\r\n";
        });
        Request request = request_for(key_asked);
        request.listener = &waiter;
        request.entry_life = 20s;
        Operation operation{request};
        detail::BlockingCall{operation}.run(*backend_, *boot_clock());
        ASSERT_TRUE(operation.reply.queued) << operation.reply.detail;
        ASSERT_TRUE(support::poll_until([&] { return waiter.calls() > 0; }, 60s));
    }
    [[nodiscard]] std::string channel() const {
        const auto heard = first.commands();
        const auto found = std::find_if(heard.begin(), heard.end(), [](const auto& command) {
            return command.front() == "SUBSCRIBE";
        });
        return found == heard.end() ? std::string{} : found->at(1);
    }

    NotedListener waiter_{key_asked, "me/1"};
    std::shared_ptr<Backend> backend_;

  private:
    RedisCredentials name_user() {
        if (holds_next_.exchange(false)) {
            holds_ = true;
            is_open_.wait();
        }
        return {};
    }

    std::promise<void> gate_;
    const std::shared_future<void> is_open_{gate_.get_future()};
    std::atomic<bool> holds_next_{false};
    std::atomic<bool> holds_{false};
};

// The node's connection for commands is just being made, so it is long in leaving, and its
// subscriber is there meanwhile.
TEST_F(RedisClusterLeave, WaiterThatIsForgottenIsNotCalledByANodeThatIsLeaving) {
    enter_queue(waiter_);
    first.answers([](int) { return "?\r\n"; });
    expect_error(acquire(*backend_), Errc::protocol_error);
    hold_next();
    for (LyingNode* const each : {&first, &second}) {
        each->has_table("*1\r\n*3\r\n:0\r\n:16383\r\n" + second.shown());
    }
    const int before = waiter_.calls();
    (void)give_up_when(*backend_, [&] { return holds(); });
    ASSERT_TRUE(support::poll_until([&] { return waiter_.calls() > before; }, 60s))
        << "it has to look for the node that has the slot now";
    // One more table, and nobody needs the first node any more.
    LyingNode stranger;
    second.answers([&](int) { return redirect("MOVED", stranger); });
    expect_error(acquire(*backend_), Errc::cluster_down, "no member");

    backend_->forget(waiter_);
    waiter_.forgotten();
    first.publish(channel(), "me/1|5000|1000");
    EXPECT_FALSE(support::poll_until([&] { return waiter_.late() > 0; }, 300ms));
}

}  // namespace
}  // namespace leaselock
