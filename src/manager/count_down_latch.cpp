#include <algorithm>

#include <leaselock/count_down_latch.hpp>

#include "manager/failure.hpp"
#include "manager/manager_access.hpp"
#include "manager/overview.hpp"
#include "manager/validation.hpp"

namespace leaselock {

CountDownLatch::CountDownLatch(LockManager& manager, std::string_view key, int count,
                               const LockOptions& options)
    : manager_{manager}, key_{key}, count_{count}, options_{options} {
    detail::Failure failure;
    if (!detail::check_number("count", count, failure)) failure.raise();
}

void CountDownLatch::count_down() {
    (void)manager_.try_acquire(key_, of(detail::counting(count_), options_.value()));
}

void CountDownLatch::count_down(std::error_code& ec) {
    (void)manager_.try_acquire(key_, of(detail::counting(count_), options_.value()), ec);
}

bool CountDownLatch::wait(const std::stop_token& stop) {
    return manager_.acquire(key_, of(detail::awaiting(count_), options_.waiting()), stop)
        .has_value();
}

bool CountDownLatch::wait(const std::stop_token& stop, std::error_code& ec) {
    return manager_.acquire(key_, of(detail::awaiting(count_), options_.waiting()), stop, ec)
        .has_value();
}

bool CountDownLatch::wait_for(Duration time) {
    return manager_.acquire(key_, of(detail::awaiting(count_), options_.waiting(time))).has_value();
}

int CountDownLatch::count(std::error_code& ec) {
    const LockInfo info = manager_.inspect(key_, options_.value().backend, ec);
    if (ec || !info.held) return ec ? 0 : count_;
    if (info.taken.of != -count_) ec = Errc::conflicting_use;
    return ec ? 0 : std::max(0, count_ - info.taken.count);
}

int CountDownLatch::count() {
    std::error_code ec;
    const int left = count(ec);
    if (ec) throw LockError(ec, "latch '" + key_ + "'");
    return left;
}

void CountDownLatch::reset() {
    detail::Failure failure;
    if (!detail::end_latch(*detail::ManagerAccess::core(manager_), key_, options_.value().backend,
                           count_, failure)) {
        failure.raise();
    }
}

void CountDownLatch::reset(std::error_code& ec) {
    detail::Failure failure;
    (void)detail::end_latch(*detail::ManagerAccess::core(manager_), key_, options_.value().backend,
                            count_, failure);
    ec = failure.code();
}

}  // namespace leaselock
