// Words that go with an error, which says enough without them where there is no memory.
//
// Thread-safety: functions without state.
#pragma once

#include <new>
#include <string>
#include <string_view>

namespace leaselock::base {

inline void keep_words(std::string& kept, std::string_view words) noexcept {
    try {
        kept = words;
    } catch (const std::bad_alloc&) {
        kept.clear();
    }
}

}  // namespace leaselock::base
