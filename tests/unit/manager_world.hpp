// What tests of the manager layer stand on: a clock that they move, a memory backend that fails as
// the test says and keeps a record, and a manager on top of both.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/fault_backend.hpp>
#include <leaselock/testing/manual_clock.hpp>

namespace leaselock {

struct ManagerWorld {
    using Sleep = testing::ManualClock::Sleep;

    explicit ManagerWorld(Sleep sleep = Sleep::self_advancing,
                          std::shared_ptr<Backend> store = std::make_shared<MemoryBackend>())
        : clock{std::make_shared<testing::ManualClock>(sleep)},
          backend{std::make_shared<testing::FaultBackend>(std::move(store))} {}

    // One more manager of the same store.
    [[nodiscard]] LockManager make(std::string owner) const {
        LockManager result{{.owner = std::move(owner), .clock = clock}};
        result.register_backend("store", backend);
        result.set_default_backend("store");
        return result;
    }

    std::shared_ptr<testing::ManualClock> clock;
    std::shared_ptr<testing::FaultBackend> backend;
    LockManager manager = make("tester:1");
    LockManager other = make("other:2");
};

}  // namespace leaselock
