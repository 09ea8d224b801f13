#include "manager/execute.hpp"

#include "manager/reply_check.hpp"

namespace leaselock::detail {

Clock::time_point execute(const Clock& clock, Backend& backend, Operation& operation) noexcept {
    backend.submit(operation);
    const bool at_once = operation.done();
    if (!at_once && !backend.pump(operation, operation.request.deadline)) {
        backend.detach(operation);
    }
    check_reply(operation);
    return at_once ? operation.request.submitted : clock.now();
}

}  // namespace leaselock::detail
