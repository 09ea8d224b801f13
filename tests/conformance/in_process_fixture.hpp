// A backend for the conformance suite whose store is in this process: its time is a ManualClock,
// and all "processes" share one object. There is no other way into its store than to ask it.
#pragma once

#include <memory>
#include <utility>

#include <leaselock/testing/backend_fixture.hpp>
#include <leaselock/testing/manual_clock.hpp>

namespace leaselock::testing {

class InProcessFixture : public BackendFixture {
  public:
    [[nodiscard]] std::shared_ptr<Backend> make() override { return backend_; }
    [[nodiscard]] std::shared_ptr<Clock> clock() override { return clock_; }
    void settle(std::chrono::milliseconds d) override { clock_->advance(d); }
    [[nodiscard]] std::chrono::milliseconds term() const override {
        return std::chrono::seconds{1};
    }

  protected:
    // `make_store` gives the backend, whose time is that clock's.
    template <class Make>
    explicit InProcessFixture(const Make& make_store) : backend_{make_store(clock_)} {}
    // The next operation goes to that one, which knows nothing of what was asked before.
    void replace(std::shared_ptr<Backend> backend) { backend_ = std::move(backend); }

  private:
    std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
    std::shared_ptr<Backend> backend_;
};

}  // namespace leaselock::testing
