// The memory backend for the conformance suite.
#pragma once

#include <memory>

#include <leaselock/memory_backend.hpp>

#include "conformance/in_process_fixture.hpp"

namespace leaselock::testing {

class MemoryFixture final : public InProcessFixture {
  public:
    MemoryFixture()
        : InProcessFixture{
              [](const auto& /*clock*/) { return std::make_shared<MemoryBackend>(); }} {}
};

}  // namespace leaselock::testing
