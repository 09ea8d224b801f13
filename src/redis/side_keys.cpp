#include "redis/side_keys.hpp"

#include "lock/key_rule.hpp"

namespace leaselock::redis {

SideKeys::SideKeys(std::string_view key) noexcept : tagged_{detail::has_hash_tag(key)} {}

std::string_view SideKeys::after(SideKey which) const noexcept {
    switch (which) {
        case SideKey::fence: return tagged_ ? ":ll:F" : "}:ll:f";
        case SideKey::queue: return tagged_ ? ":ll:Q" : "}:ll:q";
        case SideKey::waiters: return tagged_ ? ":ll:W" : "}:ll:w";
        case SideKey::holders: break;
    }
    return tagged_ ? ":ll:H" : "}:ll:h";
}

std::string side_key(std::string_view key, SideKey which) {
    const SideKeys names{key};
    std::string result{names.before()};
    result += key;
    result += names.after(which);
    return result;
}

}  // namespace leaselock::redis
