// Goal: a child by fork has an engine of its own, and the parent's goes on. Method: a copy of the
// process. Not beside sanitizers, since the copy starts a thread.
#include <future>
#include <gtest/gtest.h>

#include "engine/engine.hpp"
#include "support/process_copy.hpp"

namespace leaselock::engine {
namespace {

using namespace std::chrono_literals;

class OneStep final : public Engine::Task {
  public:
    OneStep(Engine& engine, std::promise<void>& stepped) : engine_{engine}, stepped_{stepped} {
        engine_.add(*this);
    }
    OneStep(const OneStep&) = delete;
    OneStep& operator=(const OneStep&) = delete;
    ~OneStep() override { engine_.remove(*this); }

  private:
    void step(Clock::time_point /*now*/) noexcept override { stepped_.set_value(); }

    Engine& engine_;
    std::promise<void>& stepped_;
};

TEST(EngineCopies, AChildHasOneOfItsOwn) {
    const std::shared_ptr<Engine> parents = Engine::shared();
    EXPECT_EQ(support::in_copy(support::Copying::fork,
                               [&] {
                                   support::Findings found;
                                   const std::shared_ptr<Engine> own = Engine::shared();
                                   found.expect(own != parents, "another one");
                                   std::promise<void> stepped;
                                   OneStep task{*own, stepped};
                                   own->ring(task);
                                   found.expect(stepped.get_future().wait_for(10s) ==
                                                    std::future_status::ready,
                                                "that steps");
                                   return found.text();
                               }),
              "");
    std::promise<void> stepped;
    OneStep task{*parents, stepped};
    parents->ring(task);
    stepped.get_future().wait();
}

}  // namespace
}  // namespace leaselock::engine
