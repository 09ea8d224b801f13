// The memory backend for the conformance suite: its time is a ManualClock, its store is itself, so
// all "processes" share one object.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/backend_fixture.hpp>
#include <leaselock/testing/manual_clock.hpp>

namespace leaselock::testing {

class MemoryFixture final : public BackendFixture {
  public:
    [[nodiscard]] std::shared_ptr<Backend> make() override { return backend_; }
    [[nodiscard]] std::shared_ptr<Clock> clock() override { return clock_; }
    void settle(std::chrono::milliseconds d) override { clock_->advance(d); }
    // There is no other way into a MemoryBackend than to ask it.
    [[nodiscard]] std::optional<std::string> raw_holder(const std::string& key) override {
        Operation look{{.verb = Verb::inspect, .key = key, .submitted = clock_->now()}};
        backend_->submit(look);
        if (look.reply.outcome == Outcome::free) return std::nullopt;
        return look.reply.holder;
    }
    [[nodiscard]] std::chrono::milliseconds term() const override {
        return std::chrono::seconds{1};
    }

  private:
    std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
    std::shared_ptr<Backend> backend_ = std::make_shared<MemoryBackend>();
};

}  // namespace leaselock::testing
