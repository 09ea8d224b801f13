#include <leaselock/count_down_latch.hpp>

#include "admin/admin.hpp"
#include "core/core.hpp"
#include "core/failure.hpp"
#include "core/validation.hpp"
#include "faces/manager_access.hpp"

namespace leaselock {

namespace {

// A latch lives for a day, if nothing else is said. Shares are of locks.
LockOptions options_of(LockOptions options) noexcept {
    if (!options.ttl) options.ttl = max_ttl;
    options.share = exclusive;
    return options;
}

}  // namespace

CountDownLatch::CountDownLatch(LockManager& manager, std::string_view key, int count,
                               const LockOptions& options)
    : manager_{manager}, key_{key}, count_{count}, options_{options_of(options)} {
    detail::Failure failure;
    if (!detail::check_number("count", count, failure)) failure.raise();
}

bool CountDownLatch::ask(Claim claim, const LockOptions& options, const std::stop_token& stop,
                         std::error_code* ec) {
    detail::Failure failure;
    detail::LeasePtr none;
    const bool granted = detail::Core::acquire(detail::ManagerAccess::core(manager_), key_, claim,
                                               options, stop, none, failure);
    failure.report_but_contention(ec);
    return granted;
}

void CountDownLatch::count_down() {
    (void)ask(Claim::count_down(count_), options_.waiting(std::chrono::milliseconds{0}), {},
              nullptr);
}

void CountDownLatch::count_down(std::error_code& ec) {
    (void)ask(Claim::count_down(count_), options_.waiting(std::chrono::milliseconds{0}), {}, &ec);
}

bool CountDownLatch::wait(const std::stop_token& stop) {
    return ask(Claim::await(count_), options_.waiting(), stop, nullptr);
}

bool CountDownLatch::wait(const std::stop_token& stop, std::error_code& ec) {
    return ask(Claim::await(count_), options_.waiting(), stop, &ec);
}

bool CountDownLatch::wait_for(Duration time) {
    return ask(Claim::await(count_), options_.waiting(time), {}, nullptr);
}

LatchAwaitable CountDownLatch::async_wait(std::stop_token stop) {
    return {detail::ManagerAccess::core(manager_),
            key_,
            Claim::await(count_),
            options_.waiting(),
            std::move(stop),
            nullptr};
}

LatchAwaitable CountDownLatch::async_wait(std::stop_token stop, std::error_code& ec) {
    return {detail::ManagerAccess::core(manager_),
            key_,
            Claim::await(count_),
            options_.waiting(),
            std::move(stop),
            &ec};
}

int CountDownLatch::left_of(const LockInfo& info, std::error_code& ec) const noexcept {
    ec.clear();
    if (!info.held) return count_;
    if (info.use != KeyUse::latch || info.of != count_) ec = Errc::conflicting_use;
    return ec ? 0 : info.left();
}

int CountDownLatch::count() {
    std::error_code ec;
    const int left = left_of(manager_.inspect(key_, options_.value().backend), ec);
    if (ec) throw LockError(ec, "latch '" + key_ + "': there is another use or count of it now");
    return left;
}

int CountDownLatch::count(std::error_code& ec) {
    const LockInfo info = manager_.inspect(key_, options_.value().backend, ec);
    return ec ? 0 : left_of(info, ec);
}

void CountDownLatch::end(std::error_code* ec) {
    detail::Failure failure;
    (void)detail::end_latch(*detail::ManagerAccess::core(manager_), key_, options_.value().backend,
                            count_, failure);
    failure.report(ec);
}

void CountDownLatch::reset() { end(nullptr); }
void CountDownLatch::reset(std::error_code& ec) { end(&ec); }

}  // namespace leaselock
