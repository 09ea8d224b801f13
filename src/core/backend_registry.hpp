// The backends of a manager, by name. Open until the first use and fixed from then on, so that the
// look-ups of a million acquisitions need no lock.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "core/failure.hpp"

namespace leaselock::detail {

class BackendRegistry {
  public:
    // It has `memory`; `default_name` is looked up at the first use.
    explicit BackendRegistry(std::string default_name);

    // False, and why.
    [[nodiscard]] bool add(std::string name, std::shared_ptr<Backend> backend, Failure& failure);
    [[nodiscard]] bool set_default(std::string_view name, Failure& failure);

    // That of that name, or the default one, or null and why. Freezes the registry.
    [[nodiscard]] Backend* choose(std::string_view name, Failure& failure);

    // The same without words: null also if the registry is not frozen yet.
    [[nodiscard]] Backend* used(std::string_view name) const noexcept {
        if (!frozen_.load(std::memory_order_acquire)) return nullptr;
        return name.empty() ? default_backend_ : find(name);
    }

    // Whether it has been used.
    [[nodiscard]] bool is_frozen() const noexcept { return frozen_; }
    // Whether nothing was registered, and nothing made default.
    [[nodiscard]] bool is_untouched() const;

    // Of all that may have been used.
    [[nodiscard]] std::uint64_t reconnects() const;

  private:
    [[nodiscard]] Backend* find(std::string_view name) const noexcept;
    // The same, and if there is none, the failure says so.
    [[nodiscard]] Backend* find(std::string_view name, Failure& failure) const;
    [[nodiscard]] bool open(Failure& failure) const LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool freeze(Failure& failure);

    mutable Mutex mutex_;
    // Written under the mutex while not frozen, read without it afterwards.
    std::vector<std::pair<std::string, std::shared_ptr<Backend>>> backends_;
    std::string default_name_;
    Backend* default_backend_ = nullptr;
    std::atomic<bool> frozen_{false};
};

}  // namespace leaselock::detail
