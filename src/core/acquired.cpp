#include <leaselock/acquired.hpp>

#include "core/failure.hpp"

namespace leaselock::detail {

NotAcquired::NotAcquired(Failure&& failure)
    : failure_{std::make_shared<const Failure>(std::move(failure))} {}

NotAcquired NotAcquired::by_exception() {
    Failure failure;
    failure.thrown = std::current_exception();
    return NotAcquired{std::move(failure)};
}

void NotAcquired::raise() const {
    if (failure_ != nullptr) failure_->raise();
    throw LockNotAcquired(Errc::held, "", "", {});
}

}  // namespace leaselock::detail
