// An observer that counts what the shop's locks come to, so that the shop need not.
//
// Thread-safety: all calls from all threads at once. figures() is complete when the manager that it
// observes is gone.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include <leaselock/observer.hpp>

namespace orders {

struct LockFigures {
    std::int64_t acquisitions = 0;
    std::chrono::microseconds total_wait{0};
    std::chrono::microseconds longest_wait{0};
    bool fences_rise = true;  // each grant of a key has a higher fencing token than the one before
};

class LockCounter final : public leaselock::Observer {
  public:
    void on_acquired(const leaselock::LockEvent& event) override;

    [[nodiscard]] LockFigures figures() const;

  private:
    mutable std::mutex mutex_;
    LockFigures figures_;
    std::unordered_map<std::string, std::uint64_t> last_fence_;  // by key
};

}  // namespace orders
