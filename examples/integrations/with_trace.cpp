// Which request held the lock: the W3C trace id of a request, in the events of its locks. An event
// comes on a thread of the manager, where no request is current; so the fencing token leads from
// the event to the trace.
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/leaselock.hpp>

// Spans of locks, for whatever exports them.
class LockSpans final : public leaselock::Observer {
  public:
    struct Span {
        std::string traceparent, key;
        std::chrono::nanoseconds held;
        bool lost;
    };

    // The request that holds the lock of this token: "00-<trace id>-<span id>-01".
    void belongs_to(std::uint64_t fencing_token, std::string traceparent) {
        const std::lock_guard lock{mutex_};
        traces_[fencing_token] = std::move(traceparent);
    }
    void on_released(const leaselock::LockEvent& event) override { end(event, false); }
    void on_lost(const leaselock::LockEvent& event) override { end(event, true); }
    std::vector<Span> take() {
        const std::lock_guard lock{mutex_};
        return std::exchange(spans_, {});
    }

  private:
    void end(const leaselock::LockEvent& event, bool lost) {
        const std::lock_guard lock{mutex_};
        const auto trace = traces_.extract(event.fencing_token);
        spans_.push_back({trace ? trace.mapped() : "", event.key, event.held, lost});
    }

    std::mutex mutex_;
    std::map<std::uint64_t, std::string> traces_;
    std::vector<Span> spans_;
};

int main() {
    const std::string traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const auto spans = std::make_shared<LockSpans>();
    {
        leaselock::LockManager locks{{.observer = spans}};
        auto lock = locks.acquire("stock-7").value();
        spans->belongs_to(lock.fencing_token(), traceparent);
    }
    const auto ended = spans->take();
    return ended.size() == 1 && ended[0].traceparent == traceparent && !ended[0].lost ? 0 : 1;
}
