#include "core/core.hpp"

#include <array>
#include <cstddef>
#include <fmt/format.h>
#include <new>
#include <utility>

#include "core/conclusion.hpp"
#include "core/execute.hpp"
#include "core/reactor.hpp"
#include "core/settings.hpp"
#include "core/unset_default.hpp"
#include "core/validation.hpp"
#include "lock/key_rule.hpp"

namespace leaselock::detail {

Core::Core(ManagerOptions options)
    : options_{checked(std::move(options))},
      is_plain_prefix_{is_plain(std::string_view{options_.prefix})},
      runtime_{options_},
      registry_{options_.backend},
      lifeline_{{&runtime_, &runtime_.clock(), runtime_.origin(), options_.owner}} {}

bool Core::register_backend(std::string name, std::shared_ptr<Backend> backend, Failure& failure) {
    return runtime_.of_this_process(failure) &&
           registry_.add(std::move(name), std::move(backend), failure);
}

bool Core::set_default_backend(std::string_view name, Failure& failure) {
    return runtime_.of_this_process(failure) && registry_.set_default(name, failure);
}

Backend* Core::backend_for(std::string_view name, Failure& failure) {
    return runtime_.of_this_process(failure) ? registry_.choose(name, failure) : nullptr;
}

bool Core::has_room_for_cleanup() noexcept {
    const std::size_t pending = runtime_.lease_task().cleanup().pending();
    return static_cast<int>(pending) < options_.max_cleanups;
}

bool Core::ready(Failure& failure) {
    if (has_room_for_cleanup()) return runtime_.start(failure);
    failure.set(Errc::too_many_cleanups, fmt::format("max_cleanups = {}", options_.max_cleanups));
    return false;
}

namespace {

bool is_promised(const LockOptions& options, const Backend& backend, Failure& failure) {
    return options.require == Guarantees{} ||
           check_promises(options.backend, backend.guarantees(), options.require, failure);
}

}  // namespace

LeasePtr Core::make_lease(const std::shared_ptr<Core>& self, std::string_view key, Claim claim,
                          const LockOptions& options, Failure& failure) {
    const std::string_view prefix = self->options_.prefix;
    const bool is_right = is_key(prefix, self->is_plain_prefix_, key);
    if (!self->runtime_.of_this_process(failure) ||
        (!is_right && !check_key(prefix, key, failure)) || !check_options(options, failure)) {
        return nullptr;
    }
    Backend* const backend = self->registry_.choose(options.backend, failure);
    if (backend == nullptr || !is_promised(options, *backend, failure) || !self->ready(failure)) {
        return nullptr;
    }
    LeasePtr lease = new_lease(self, *backend, key, claim, options.key_template);
    if (self->is_unset()) note_unset_default(*lease);
    return lease;
}

LeasePtr Core::new_lease(const std::shared_ptr<Core>& self, Backend& backend, std::string_view key,
                         Claim claim, std::string_view key_template) {
    const ManagerOptions& manager = self->options_;
    TemplateCounts& counts = self->runtime_.lease_task().table().counts_of(key_template);
    const std::size_t own = own_number();
    LeasePtr lease = Lease::make(self->lifeline_.add(self, own), own, backend,
                                 {manager.prefix, key, key_template}, claim);
    lease->hold.counts = &counts;
    return lease;
}

bool Core::may_wait(std::string_view key, Failure& failure) {
    if (!Reactor::is_this_thread()) return true;
    failure.set(Errc::would_deadlock,
                fmt::format("lock '{}': co_await async_acquire, or .resume_on(an executor)", key));
    return false;
}

LeasePtr Core::acquire(const std::shared_ptr<Core>& self, std::string_view key,
                       const LockOptions& options, const std::stop_token& stop, Failure& failure) {
    LeasePtr lease;
    (void)acquire(self, key, options.share, options, stop, lease, failure);
    return lease;
}

bool Core::acquire(const std::shared_ptr<Core>& self, std::string_view key, Claim claim,
                   const LockOptions& options, const std::stop_token& stop, LeasePtr& lease,
                   Failure& failure) {
    const auto time = patience(options);
    if (time && time->count() > 0 && !may_wait(key, failure)) return false;
    lease = make_lease(self, key, claim, options, failure);
    // From here on the lease keeps the core alive: a wait may outlast the manager.
    return lease != nullptr && self->acquire(lease, options, stop, failure);
}

bool Core::acquire(LeasePtr& lease, const LockOptions& options, const std::stop_token& stop,
                   Failure& failure) {
    const Clock::time_point begin = clock().now();
    const AcquireMachine::Plan how = plan(options_, options, lease->seed(), begin);
    std::optional<ThreadWaiter> waiter;
    if (how.wait) waiter.emplace(lease->backend(), lease->full_key(), lease->token());
    Acquisition acquisition{
        runtime_.local_queue(),      runtime_.lease_task().cleanup(),   *lease, how,
        waiter ? &*waiter : nullptr, Acquisition::Begins::at_the_store, failure};
    try {
        const Clock::time_point end = drive(acquisition, *lease, waiter, stop, begin);
        acquisition.end();
        return conclude(lease, acquisition.machine(), options, {begin, end}, failure);
    } catch (...) {
        acquisition.end();
        if (lease != nullptr) settle_debt(std::move(lease), acquisition.machine());
        throw;
    }
}

// Those of this manager that wait are not passed by one that may wait, too. A store that is no copy
// was registered with a manager that was none, in this same process: then neither is the manager.
Backend* Core::store_at_once(std::string_view key, const LockOptions& options) {
    if (!runtime_.is_started()) return nullptr;
    Backend* const backend = registry_.used(options.backend);
    if (backend == nullptr || backend->instant() == nullptr || backend->is_copied()) return nullptr;
    const bool may_wait = options.wait || options.wait_timeout;
    if (may_wait && (runtime_.local_queue().busy() || Reactor::is_this_thread())) return nullptr;
    const bool is_right = is_plain(options) && is_key(options_.prefix, is_plain_prefix_, key);
    return is_right && has_room_for_cleanup() && !is_unset() ? backend : nullptr;
}

namespace {

[[gnu::noinline]] void give_back(Runtime& runtime, LeasePtr lease) noexcept {
    runtime.lease_task().post(std::move(lease));
}

}  // namespace

// Flat, as all that is done for each lock in memory: calls between its parts would cost as much as
// the parts. Hot: after so many ways out a compiler takes the rest for what is seldom run, and
// divides where it could multiply.
[[gnu::flatten, gnu::hot]] LeasePtr Core::acquire_at_once(const std::shared_ptr<Core>& self,
                                                          std::string_view key,
                                                          const LockOptions& options) {
    Backend* const store = self->store_at_once(key, options);
    if (store == nullptr) return nullptr;
    LeasePtr lease = new_lease(self, *store, key, {}, options.key_template);
    const std::chrono::milliseconds ttl = ttl_of(self->options_, options).value();
    const Clock::time_point now = self->clock().now();
    const std::uint64_t fencing_token = lease->grant_at_once(now, ttl);
    if (fencing_token == 0) return nullptr;
    try {
        begin_hold_at_once(*lease, fencing_token, ttl, options, now);
        return lease;
    } catch (...) {
        give_back(self->runtime_, std::move(lease));
        throw;
    }
}

// What blocks. Answers the time at the end.
Clock::time_point Core::drive(Acquisition& acquisition, const Lease& lease,
                              std::optional<ThreadWaiter>& waiter, const std::stop_token& stop,
                              Clock::time_point now) {
    using Instruction = Acquisition::Instruction;
    for (auto next = acquisition.start(now); next.instruction != Instruction::done;) {
        if (next.instruction == Instruction::submit) {
            now = execute(clock(), lease.backend(), acquisition.operation(), stop);
            next = acquisition.answered(now);
            if (stop.stop_requested()) next = acquisition.stop_after(next);
        } else {
            Backend* const notifies = next.is_notified ? &lease.backend() : nullptr;
            const bool slept = waiter->sleep(clock(), next.until, stop, notifies);
            now = clock().now();
            next = slept ? acquisition.woke(now) : acquisition.stop();
        }
    }
    return now;
}

void Core::shut_down(std::shared_ptr<Core> core) noexcept {
    if (core == nullptr) return;
    if (core->runtime_.origin().is_in_child()) {
        // Its threads are the parent's, and so are its locks and its sockets: it is never
        // destroyed.
        using Left = std::shared_ptr<Core>;
        alignas(Left) std::array<std::byte, sizeof(Left)> memory;
        new (memory.data()) Left{std::move(core)};
        return;
    }
    core->runtime_.stop(core->options_.shutdown_timeout.value());
    Core& its = *core;
    its.lifeline_.end(std::move(core));
}

bool Core::is_process_local() const { return is_stopgap_ && registry_.is_untouched(); }

bool Core::is_unset() const {
    return is_stopgap_ && unset_default() == nullptr && registry_.is_untouched();
}

bool Core::replace(Failure& failure) {
    if (is_stopgap_ && !registry_.is_frozen()) return true;
    failure.set(Errc::registry_frozen, "the default manager is set once, before its first use");
    return false;
}

LockStats Core::stats() {
    if (runtime_.origin().is_in_child()) return {};
    LeaseTask& task = runtime_.lease_task();
    LockStats all;
    task.table().for_each([&](const std::string&, const LockStats& stats) { all += stats; });
    all.cleanups_now = task.cleanup().pending();
    all.events_dropped = runtime_.notifier().dropped();
    all.reconnects += registry_.reconnects();
    return all;
}

std::vector<TemplateStats> Core::stats_by_template() {
    if (runtime_.origin().is_in_child()) return {};
    std::vector<TemplateStats> all;
    runtime_.lease_task().table().for_each(
        [&](const std::string& key_template, const LockStats& stats) {
            all.push_back({key_template, stats});
        });
    const LockStats& others = all.back().stats;
    if (others.acquired + others.contended + others.failed == 0) all.pop_back();
    return all;
}

}  // namespace leaselock::detail
