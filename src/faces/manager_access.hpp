// The core of a manager, for those of its faces that are compiled.
#pragma once

#include <memory>

#include <leaselock/lock_manager.hpp>

namespace leaselock::detail {

struct ManagerAccess {
    [[nodiscard]] static const std::shared_ptr<Core>& core(const LockManager& manager) noexcept {
        return manager.core_;
    }
};

}  // namespace leaselock::detail
