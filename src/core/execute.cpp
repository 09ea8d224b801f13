#include "core/execute.hpp"

#include <leaselock/detail/blocking_call.hpp>

#include "core/reply_check.hpp"

namespace leaselock::detail {

Clock::time_point execute(Clock& clock, Backend& backend, Operation& operation,
                          const std::stop_token& stop) noexcept {
    BlockingCall call{operation};
    backend.submit(operation);
    if (call.is_over()) {
        check_reply(operation);
        return operation.request.submitted;
    }
    call.finish(backend, clock, stop);
    check_reply(operation);
    return clock.now();
}

}  // namespace leaselock::detail
