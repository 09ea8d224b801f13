// A backend that passes everything on to another one and counts what it sees, so that the shop
// need not. Also an example of how little a backend around a backend is.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include <leaselock/backend.hpp>

namespace orders {

struct LockFigures {
    std::int64_t acquisitions = 0;
    std::int64_t waits = 0;  // acquisitions that found the lock held at first
    std::chrono::microseconds total_wait{0};
    std::chrono::microseconds longest_wait{0};
    bool fences_rise = true;  // each grant of a key has a higher fencing token than the one before
};

class CountingBackend final : public leaselock::Backend {
  public:
    explicit CountingBackend(std::shared_ptr<leaselock::Backend> inner)
        : inner_{std::move(inner)} {}

    using Backend::submit;
    void submit(std::span<leaselock::Operation* const> operations) noexcept override;
    bool pump(leaselock::Operation& operation,
              leaselock::Clock::time_point until) noexcept override;
    void detach(leaselock::Operation& operation) noexcept override;

    [[nodiscard]] LockFigures figures() const;

  private:
    void start(leaselock::Operation& operation) noexcept;
    // Takes the inner operation's answer over, counts it, and frees the inner one.
    void finish(leaselock::Operation& operation) noexcept;
    void count(const leaselock::Request& request, const leaselock::Reply& reply);

    const std::shared_ptr<leaselock::Backend> inner_;
    mutable std::mutex mutex_;
    LockFigures figures_;
    std::unordered_map<std::string, leaselock::Clock::time_point> waiting_;  // since when, by token
    std::unordered_map<std::string, std::uint64_t> last_fence_;              // by key
};

}  // namespace orders
