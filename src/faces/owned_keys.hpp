// What one owner holds, and how many levels of each. A key is here from the moment on at which a
// thread of the owner begins to acquire it; the others find it then.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <leaselock/clock.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/scoped_distributed_lock.hpp>

#include "core/failure.hpp"

namespace leaselock {
class Backend;
}

namespace leaselock::detail {

struct OwnedKey {
    OwnedKey(const Backend* where, std::string_view name, Claim much)
        : backend{where}, key{name}, claim{much} {}

    const Backend* const backend;
    const std::string key;
    const Claim claim;
    // Set once, before the first level is there; each level may ask it.
    std::optional<ScopedDistributedLock> lock{};
    std::size_t levels = 0;  // the mutex of OwnedKeys guards it
    Mutex losing;            // lost() of several levels at once
};

class OwnedKeys {
  public:
    using KeyPtr = std::shared_ptr<OwnedKey>;
    enum class Entry : std::uint8_t { first, again, refused };

    // One level more of a key that is held: `again`, and `key` is that. Nobody has it: `first`, and
    // the caller acquires it, and says what came of it. If somebody is at that, waits until
    // `until`, or `stop`; a call that does not wait has no `until`. `refused`: and why. Who holds
    // all of it may enter for a share, and who has a share for the same one.
    [[nodiscard]] Entry enter(KeyPtr& key, const Clock& clock,
                              std::optional<Clock::time_point> until, const std::stop_token& stop,
                              Failure& failure);
    void acquired(const KeyPtr& key, ScopedDistributedLock lock) noexcept;
    void not_acquired(const KeyPtr& key) noexcept;
    // One level less. Of the last one: the lock, which is nobody's any more. None in a child, where
    // this is the parent's.
    [[nodiscard]] std::optional<ScopedDistributedLock> leave(const KeyPtr& key) noexcept;
    [[nodiscard]] std::size_t levels(const Backend* backend, std::string_view key) const;

    // Made by another process: of the rest nothing is to be called but leave().
    [[nodiscard]] bool is_in_child() const noexcept { return origin_.is_in_child(); }

  private:
    using Name = std::pair<const Backend*, std::string_view>;
    struct ByName {
        using is_transparent = void;
        static Name name(const KeyPtr& key) noexcept { return {key->backend, key->key}; }
        static Name name(const Name& name) noexcept { return name; }
        template <class A, class B>
        bool operator()(const A& a, const B& b) const noexcept {
            return name(a) < name(b);
        }
    };
    // A tree, since a node that was made before can be put in without memory.
    using Table = std::set<KeyPtr, ByName>;

    const Origin origin_{};
    mutable Mutex mutex_;
    Condition changed_;
    AtHome<Table> table_ LEASELOCK_GUARDED_BY(mutex_){};
};

}  // namespace leaselock::detail
