#include "core/loss.hpp"

#include "core/lease.hpp"
#include "core/runtime.hpp"

namespace leaselock::detail {
namespace {

// False: it is over, and nobody was to be notified of that.
bool can_watch(Lease& lease) {
    if (lease.origin().is_in_child() || (lease.watch == nullptr && !lease.held())) return false;
    if (lease.watch == nullptr) lease.runtime().watch(lease);
    return true;
}

}  // namespace

// No callback runs here, on its caller's thread, which may have locked what the callback wants: a
// watch is the Notifier's to fire, and what is over already gives a signal that nobody else has.
std::stop_token lost_signal(Lease& lease) {
    if (can_watch(lease)) return lease.watch->source.get_token();
    std::stop_source gone;
    if (!lease.is_released()) gone.request_stop();
    return gone.get_token();
}

void pass_loss_on(Lease& lease, const std::stop_source& to) {
    if (can_watch(lease) && lease.runtime().notifier().pass_on(*lease.watch, to)) return;
    if (!lease.is_released()) to.request_stop();
}

}  // namespace leaselock::detail
