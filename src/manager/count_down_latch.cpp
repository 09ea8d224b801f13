#include <fmt/core.h>

#include <leaselock/backend.hpp>
#include <leaselock/count_down_latch.hpp>

#include "manager/core.hpp"
#include "manager/failure.hpp"
#include "manager/manager_access.hpp"
#include "manager/validation.hpp"

namespace leaselock {
namespace {

int checked_count(int count) {
    if (count >= 1 && count <= max_permits) return count;
    throw LockError(Errc::invalid_option,
                    fmt::format("count = {}, allowed are 1 to {}", count, max_permits));
}

void raise_unless_done(std::error_code ec, std::string_view key) {
    if (ec) throw LockError(ec, fmt::format("latch '{}'", key));
}

}  // namespace

CountDownLatch::CountDownLatch(LockManager& manager, std::string_view key, int count,
                               const LockOptions& options)
    : manager_{manager}, key_{key}, count_{checked_count(count)}, options_{options} {}

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
    raise_unless_done(ec, key_);
    return left;
}

void CountDownLatch::reset(std::error_code& ec) {
    detail::Core& core = *detail::ManagerAccess::core(manager_);
    detail::Failure failure;
    Backend* backend = nullptr;
    if (detail::check_key(core.options().prefix, key_, failure)) {
        backend = core.backend_for(options_.value().backend, failure);
    }
    ec = failure.code();
    if (backend == nullptr) return;
    const std::string full_key = core.options().prefix + key_;
    const std::string token = std::string(latch_mark) + std::to_string(count_);
    Operation release{{.verb = Verb::release,
                       .key = full_key,
                       .token = token,
                       .share = detail::awaiting(count_),
                       .submitted = core.clock().now()}};
    core.run(*backend, release);
    if (release.reply.outcome == Outcome::failed) ec = release.reply.error;
}

void CountDownLatch::reset() {
    std::error_code ec;
    reset(ec);
    raise_unless_done(ec, key_);
}

}  // namespace leaselock
