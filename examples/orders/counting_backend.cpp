#include "orders/counting_backend.hpp"

#include <algorithm>
#include <new>

namespace orders {

using leaselock::Operation;
using leaselock::Outcome;
using leaselock::Reply;
using leaselock::Request;
using leaselock::Verb;

// The inner backend gets an operation of its own, which may be completed by any thread at any time;
// the outer one is completed here, by its caller's thread, when it has been counted.
void CountingBackend::start(Operation& operation) noexcept {
    auto* const inner = new (std::nothrow) Operation{operation.request};
    if (inner == nullptr) {
        operation.fail(leaselock::Errc::connect_failed, {});
        return;
    }
    operation.slot = inner;
    inner_->submit(*inner);
    if (inner->done()) finish(operation);
}

void CountingBackend::submit(std::span<Operation* const> operations) noexcept {
    for (Operation* const operation : operations) start(*operation);
}

bool CountingBackend::pump(Operation& operation, leaselock::Clock::time_point until) noexcept {
    if (!inner_->pump(*static_cast<Operation*>(operation.slot), until)) return false;
    finish(operation);
    return true;
}

void CountingBackend::detach(Operation& operation) noexcept {
    inner_->detach(*static_cast<Operation*>(operation.slot));
    finish(operation);
}

void CountingBackend::finish(Operation& operation) noexcept {
    const std::unique_ptr<Operation> inner{static_cast<Operation*>(operation.slot)};
    operation.reply = std::move(inner->reply);
    try {
        if (operation.request.verb == Verb::acquire) count(operation.request, operation.reply);
    } catch (const std::bad_alloc&) {
        // Out of memory: it stays uncounted, which changes nothing for the lock.
    }
    operation.complete();
}

void CountingBackend::count(const Request& request, const Reply& reply) {
    const std::lock_guard lock{mutex_};
    if (reply.outcome == Outcome::held) {
        waiting_.try_emplace(std::string(request.token), request.submitted);
    }
    if (reply.outcome != Outcome::granted) return;

    ++figures_.acquisitions;
    std::uint64_t& last = last_fence_[std::string(request.key)];
    figures_.fences_rise = figures_.fences_rise && reply.fencing_token > last;
    last = reply.fencing_token;

    const auto began = waiting_.extract(std::string(request.token));
    if (began.empty()) return;
    const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(
        leaselock::boot_clock()->now() - began.mapped());
    ++figures_.waits;
    figures_.total_wait += wait;
    figures_.longest_wait = std::max(figures_.longest_wait, wait);
}

LockFigures CountingBackend::figures() const {
    const std::lock_guard lock{mutex_};
    return figures_;
}

}  // namespace orders
