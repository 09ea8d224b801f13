// Goal: a lock and its side keys lie in one slot of a cluster, and no key is another's side key.
// Method: two lines are two keys; the slot is computed by the definition of Redis.
#include <string>

#include "fuzz/fuzz_input.hpp"
#include "lock/key_rule.hpp"
#include "redis/side_keys.hpp"
#include "support/cluster_slot.hpp"

namespace leaselock::redis {
namespace {

using detail::key_fault;
using fuzz::promise;
using support::cluster_slot;

constexpr SideKey kinds[] = {SideKey::queue, SideKey::waiters, SideKey::holders};

bool can_be_a_key(std::string_view key) {
    if (key.empty()) return false;
    if (key_fault(key).empty()) return true;
    promise(key.find_first_of("{}") != std::string_view::npos ||
                key.find(":ll:") != std::string_view::npos,
            "no key is refused without a brace or a reserved end");
    return false;
}

void check(std::string_view one, std::string_view other) {
    if (!can_be_a_key(one)) return;
    const std::string counter = side_key(one, one.size() / 2, SideKey::counter);
    promise(cluster_slot(counter) == cluster_slot(one), "the counter is in the slot");
    promise(!can_be_a_key(counter) && counter != other, "a counter is no key");
    for (const SideKey kind : kinds) {
        const std::string side = side_key(one, 0, kind);
        promise(cluster_slot(side) == cluster_slot(one), "one slot");
        promise(!can_be_a_key(side), "a side key is no key");
        promise(side != counter, "a counter is no other side key");
        if (one == other || !can_be_a_key(other)) continue;
        promise(side != other, "no key is another's side key");
        for (const SideKey another : kinds) {
            promise(side != side_key(other, 0, another), "no side key is another's");
        }
    }
    promise(side_key(one, 0, SideKey::holders) != side_key(one, 0, SideKey::queue) &&
                side_key(one, 0, SideKey::holders) != side_key(one, 0, SideKey::waiters) &&
                side_key(one, 0, SideKey::queue) != side_key(one, 0, SideKey::waiters),
            "three side keys");
}

}  // namespace
}  // namespace leaselock::redis

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    leaselock::fuzz::Input input{data, size};
    const std::string_view one = input.line();
    leaselock::redis::check(one, input.line());
    return 0;
}
