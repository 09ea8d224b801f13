#include "manager/execute.hpp"

#include <algorithm>

#include "manager/reply_check.hpp"

namespace leaselock::detail {
namespace {

// False: it is not answered, and was waited for long enough. A stop wakes nobody in pump(), so
// whoever may be stopped looks for it now and then.
bool is_answered(const Clock& clock, Backend& backend, Operation& operation,
                 const std::stop_token& stop) noexcept {
    const Clock::time_point deadline = operation.request.deadline;
    if (!stop.stop_possible()) return backend.pump(operation, deadline);
    for (;;) {
        const Clock::time_point now = clock.now();
        const Clock::time_point until =
            std::min(deadline, saturating_add(now, patience_of_stopped));
        if (backend.pump(operation, until)) return true;
        if (stop.stop_requested() || until == deadline || clock.now() < until) return false;
    }
}

}  // namespace

Clock::time_point execute(const Clock& clock, Backend& backend, Operation& operation,
                          const std::stop_token& stop) noexcept {
    backend.submit(operation);
    if (operation.done()) {
        check_reply(operation);
        return operation.request.submitted;
    }
    if (!is_answered(clock, backend, operation, stop)) backend.detach(operation);
    check_reply(operation);
    return clock.now();
}

}  // namespace leaselock::detail
