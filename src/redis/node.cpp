#include "redis/node.hpp"

#include <fmt/format.h>
#include <new>
#include <string_view>

#include "lock/key_rule.hpp"

namespace leaselock::redis {

bool refuse_key(Operation& operation) noexcept {
    const std::string_view fault = detail::key_fault(operation.request.key);
    if (fault.empty()) return false;
    try {
        operation.fail(Errc::invalid_key, fmt::format("the key {}", fault));
    } catch (const std::bad_alloc&) {
        operation.fail(Errc::invalid_key, {});  // an empty text needs no memory
    }
    return true;
}

}  // namespace leaselock::redis
