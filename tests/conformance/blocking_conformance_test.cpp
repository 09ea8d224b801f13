// Goal: four functions that block are a backend: BlockingBackend around them keeps the contract.
// Method: the conformance suite on a map that knows nothing of leaselock's threads, on a clock that
// the tests move; by blocking calls and by coroutines.
#include <memory>
#include <optional>
#include <string>

#include <leaselock/blocking_backend.hpp>
#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/testing/conformance.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "support/map_store.hpp"

namespace leaselock::testing {
namespace {

class BlockingFixture final : public BackendFixture {
  public:
    [[nodiscard]] std::shared_ptr<Backend> make() override { return backend_; }
    [[nodiscard]] std::shared_ptr<Clock> clock() override { return clock_; }
    void settle(std::chrono::milliseconds d) override { clock_->advance(d); }
    [[nodiscard]] std::optional<std::string> raw_holder(const std::string& key) override {
        Operation look{{.verb = Verb::inspect, .key = key, .submitted = clock_->now()}};
        leaselock::detail::BlockingCall{look}.run(*backend_, *clock_);
        if (look.reply.outcome == Outcome::free) return std::nullopt;
        return look.reply.holder;
    }
    [[nodiscard]] std::chrono::milliseconds term() const override {
        return std::chrono::seconds{1};
    }

  private:
    std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
    std::shared_ptr<Backend> backend_ =
        std::make_shared<BlockingBackend>(std::make_unique<support::MapStore>(clock_));
};

LEASELOCK_CONFORMANCE_SUITE(BlockingConformance,
                            [] { return std::make_unique<BlockingFixture>(); });
LEASELOCK_ASYNC_CONFORMANCE_SUITE(BlockingAsyncConformance,
                                  [] { return std::make_unique<BlockingFixture>(); });

}  // namespace
}  // namespace leaselock::testing
