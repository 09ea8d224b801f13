// The keys beside a lock in Redis. They lie in the lock's cluster slot and never are another lock's
// key, nor another lock's side key.
//
// With K = `<prefix><key>`: if K has no '}', the side keys are "{K}:ll:f" and so on, whose hash tag
// is all of K; if K has a hash tag of its own, they are "K:ll:F" and so on, with the same tag. Any
// other K with a '}' cannot be given a side key in its slot, and is refused (lock/key_rule); so is
// a K that ends like a side key.
#pragma once

#include <string>
#include <string_view>

namespace leaselock::redis {

enum class SideKey : char {
    fence = 'f',    // the last fencing token
    queue = 'q',    // the tokens that wait, in order; a list
    waiters = 'w',  // what is known of each; a hash
    holders = 'h',  // who has shares, by the end of the lease; a sorted set
};

// What stands before and after a key without a fault in the names of its side keys.
class SideKeys {
  public:
    explicit SideKeys(std::string_view key) noexcept;

    [[nodiscard]] std::string_view before() const noexcept { return tagged_ ? "" : "{"; }
    [[nodiscard]] std::string_view after(SideKey which) const noexcept;

  private:
    bool tagged_;
};

// For a key without a fault.
[[nodiscard]] std::string side_key(std::string_view key, SideKey which);

}  // namespace leaselock::redis
