#include "core/unset_default.hpp"

#include <atomic>
#include <memory>
#include <new>

#include "core/failure.hpp"
#include "core/lease.hpp"

namespace leaselock::detail {
namespace {

std::atomic<const LockEvent*>& first() noexcept {
    static std::atomic<const LockEvent*> event{nullptr};
    return event;
}

}  // namespace

void note_unset_default(const Lease& lease) noexcept {
    try {
        auto event = std::make_unique<LockEvent>();
        event->key = lease.key();
        event->key_template = lease.key_template();
        event->owner = lease.owner();
        const LockEvent* none = nullptr;
        if (first().compare_exchange_strong(none, event.get())) (void)event.release();
    } catch (const std::bad_alloc&) {
        // The next one may have more luck.
    }
}

const LockEvent* unset_default() noexcept { return first().load(std::memory_order_acquire); }

}  // namespace leaselock::detail
