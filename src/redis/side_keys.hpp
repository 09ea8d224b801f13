// The keys beside a lock in Redis. They lie in the lock's cluster slot and never are another lock's
// key, nor another lock's side key.
//
// With K = `<prefix><key>`: if K has no '}', its own side keys are "{K}:ll:2q" and so on, whose
// hash tag is all of K; if K has a hash tag of its own, they are "K:ll:2Q" and so on, with the same
// tag. Any other K with a '}' cannot be given a side key in its slot, and is refused; so is a K
// that ends like a side key.
//
// The counter of fencing tokens is common to all K of a prefix in one slot, so that a key that was
// locked once leaves nothing: "<prefix>:ll:2c:xyz", of whose letters there are as many as there are
// slots; or "<prefix>:ll:2C" if the prefix has a hash tag, since all its keys are in one slot then.
//
// The 2 is the version of what is in Redis. A change of the meaning of a side key raises it,
// and the one whose meaning has not changed since the first, that of the holders, has none: see
// CONTRIBUTING.md.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "redis/hash_slot.hpp"

namespace leaselock::redis {

enum class SideKey : char {
    counter = 'c',  // the last fencing token of the slot
    queue = 'q',    // the tokens that wait, in order; a list
    waiters = 'w',  // what is known of each; a hash
    holders = 'h',  // of shares, by the end of the lease; a sorted set
};

// What the names of the side keys of a key without a fault are made of.
class SideKeys {
  public:
    // The first `prefix` bytes of the key are the manager's prefix.
    SideKeys(std::string_view key, std::size_t prefix) noexcept
        : key_{key}, prefix_{key.substr(0, prefix)}, tag_{hash_tag(key)} {}

    // A name is before(which), stem(which), after(which).
    [[nodiscard]] std::string_view before(SideKey which) const noexcept {
        return which == SideKey::counter || is_tagged() ? "" : "{";
    }
    [[nodiscard]] std::string_view stem(SideKey which) const noexcept {
        return which == SideKey::counter ? prefix_ : key_;
    }
    // Good for as long as this object. That of the counter has to be computed.
    [[nodiscard]] std::string_view after(SideKey which) noexcept {
        switch (which) {
            case SideKey::counter: return after_prefix();
            case SideKey::queue: return is_tagged() ? ":ll:2Q" : "}:ll:2q";
            case SideKey::waiters: return is_tagged() ? ":ll:2W" : "}:ll:2w";
            case SideKey::holders: break;
        }
        return is_tagged() ? ":ll:H" : "}:ll:h";
    }

  private:
    static constexpr std::size_t counter_size = 10;

    [[nodiscard]] bool is_tagged() const noexcept { return !tag_.empty(); }
    [[nodiscard]] std::string_view after_prefix() noexcept;

    std::string_view key_;
    std::string_view prefix_;
    std::string_view tag_;
    std::array<char, counter_size> counter_{};  // what follows the prefix, once it is asked for
};

// All counters that keys of a prefix can have.
[[nodiscard]] std::vector<std::string> counters_of(std::string_view prefix);

// For a key without a fault.
[[nodiscard]] std::string side_key(std::string_view key, std::size_t prefix, SideKey which);

}  // namespace leaselock::redis
