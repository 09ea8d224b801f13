#include "core/runtime.hpp"

namespace leaselock::detail {

Runtime::Runtime(const ManagerOptions& options)
    : clock_{options.clock},
      notifier_{std::make_shared<Notifier>(options.clock, options.observer)},
      lease_task_{*options.clock, *notifier_},
      reactor_{std::make_shared<Reactor>(options.clock)} {}

bool Runtime::of_this_process(Failure& failure) const {
    if (!origin_.is_copied()) return true;
    failure.set(Errc::forked, "the child makes managers of its own");
    return false;
}

bool Runtime::start(Failure& failure) {
    if (is_started()) return true;
    if (!tells(failure)) return false;
    try {
        lease_task_.start();
    } catch (const LockError&) {
        failure.set(Errc::no_thread, "the system gives no thread, or no descriptor");
        return false;
    }
    started_ = true;
    return true;
}

bool Runtime::tells(Failure& failure) {
    if (!notifier_->observed() || Notifier::start(notifier_)) return true;
    failure.set(Errc::no_thread, "the system gives no thread");
    return false;
}

void Runtime::watch(Lease& lease) {
    if (!Notifier::start(notifier_)) {
        throw LockError(Errc::no_thread, "lost(): the system gives no thread, or the manager ends");
    }
    notifier_->watch(lease);
}

// One time for all: each leaves some of it to the next, which has to hear of what it gave up.
void Runtime::stop(std::chrono::milliseconds patience) noexcept {
    const Clock::time_point until = saturating_add(clock_->now(), patience);
    reactor_->stop(until - patience / 5);
    lease_task_.end(until - patience / 10);
    notifier_->stop(until);
}

}  // namespace leaselock::detail
