#include "manager/core.hpp"

#include <fmt/core.h>

#include <leaselock/memory_backend.hpp>

#include "manager/acquisition.hpp"
#include "manager/dry_run.hpp"
#include "manager/event.hpp"
#include "manager/token.hpp"
#include "manager/validation.hpp"

namespace leaselock::detail {

namespace {

ManagerOptions checked(ManagerOptions options) {
    if (Failure failure; !check_options(options, failure)) failure.raise();
    return options;
}

}  // namespace

Core::Core(ManagerOptions options)
    : options_{checked(std::move(options))},
      made_in_{fork_count()},
      notifier_{std::make_shared<Notifier>(options_.clock, options_.observer)},
      keeper_{*options_.clock, *notifier_},
      reactor_{std::make_shared<Reactor>(options_.clock)} {
    if (options_.owner.empty()) options_.owner = default_owner();
    backends_.emplace_back("memory", std::make_shared<MemoryBackend>());
}

Backend* Core::find(std::string_view name) const noexcept {
    for (const auto& [known, backend] : backends_) {
        if (known == name) return backend.get();
    }
    return nullptr;
}

Backend* Core::find(std::string_view name, Failure& failure) const {
    Backend* const backend = find(name);
    if (backend != nullptr) return backend;
    std::string known;
    for (const auto& each : backends_) known += (known.empty() ? "" : ", ") + each.first;
    failure.set(Errc::unknown_backend,
                fmt::format("backend = '{}', registered are: {}", name, known));
    return nullptr;
}

bool Core::open(Failure& failure) const {
    if (!frozen_.load(std::memory_order_relaxed)) return true;
    failure.set(Errc::registry_frozen, "backends are registered before the first use of a manager");
    return false;
}

bool Core::register_backend(std::string name, std::shared_ptr<Backend> backend, Failure& failure) {
    const MutexLock lock{mutex_};
    if (!open(failure)) return false;
    if (name.empty() || backend == nullptr || find(name) != nullptr) {
        failure.set(Errc::invalid_option,
                    fmt::format("backend '{}' {}, allowed are a new, not empty name and a backend "
                                "that is not null",
                                name,
                                backend == nullptr ? "is null"
                                : name.empty()     ? "has no name"
                                                   : "is registered already"));
        return false;
    }
    backends_.emplace_back(std::move(name), std::move(backend));
    return true;
}

bool Core::set_default_backend(std::string_view name, Failure& failure) {
    const MutexLock lock{mutex_};
    if (!open(failure)) return false;
    if (find(name, failure) == nullptr) return false;
    options_.backend = name;
    return true;
}

bool Core::freeze(Failure& failure) {
    const MutexLock lock{mutex_};
    if (frozen_.load(std::memory_order_relaxed)) return true;
    default_backend_ = find(options_.backend, failure);
    if (default_backend_ == nullptr) return false;
    frozen_.store(true, std::memory_order_release);
    return true;
}

Backend* Core::choose(std::string_view name, Failure& failure) {
    if (!frozen_.load(std::memory_order_acquire) && !freeze(failure)) return nullptr;
    return name.empty() ? default_backend_ : find(name, failure);
}

Backend* Core::backend_for(std::string_view name, Failure& failure) {
    return of_this_process(failure) ? choose(name, failure) : nullptr;
}

Clock::time_point Core::run(Backend& backend, Operation& operation) const noexcept {
    backend.submit(operation);
    if (operation.done()) return operation.request.submitted;
    if (!backend.pump(operation, operation.request.deadline)) backend.detach(operation);
    return clock().now();
}

std::optional<std::chrono::milliseconds> patience(const LockOptions& options) noexcept {
    if (options.wait_timeout) return options.wait_timeout->value();
    if (!options.wait) return std::nullopt;
    return options.retry_count * options.retry_delay.value();
}

AcquireMachine::Plan Core::plan(const LockOptions& options, const Lease& lease,
                                Clock::time_point now) const noexcept {
    const auto time = patience(options);
    return {.ttl = options.ttl.value_or(options_.default_ttl).value(),
            .wait = time.has_value(),
            .deadline = saturating_add(now, time.value_or(std::chrono::milliseconds{0})),
            .retry_delay = options.retry_delay.value(),
            .seed = lease.seed(),
            .prolongs = options.renewal == Renewal::off || options.min_hold.value().count() > 0};
}

bool Core::of_this_process(Failure& failure) const {
    if (made_in_ == fork_count()) return true;
    failure.set(Errc::forked, "a child process makes managers of its own");
    return false;
}

bool Core::ready(Failure& failure) {
    if (static_cast<int>(keeper_.cleanup().pending()) >= options_.max_cleanups) {
        failure.set(Errc::too_many_cleanups,
                    fmt::format("max_cleanups = {}", options_.max_cleanups));
        return false;
    }
    if (started_.load(std::memory_order_relaxed)) return true;
    if (!tells(failure)) return false;
    if (!keeper_.start()) {
        failure.set(Errc::no_thread, "the system gives no thread");
        return false;
    }
    started_ = true;
    return true;
}

bool Core::tells(Failure& failure) {
    if (!notifier_->observed() || Notifier::start(notifier_)) return true;
    failure.set(Errc::no_thread, "the system gives no thread");
    return false;
}

void Core::watch(Watch& watch) {
    if (!Notifier::start(notifier_)) {
        throw LockError(Errc::no_thread, "the system gives no thread");
    }
    notifier_->watch(watch);
}

LockStats Core::stats() noexcept {
    LockStats stats;
    keeper_.add_to(stats);
    stats.events_dropped = notifier_->dropped();
    return stats;
}

void Core::shut_down(std::shared_ptr<Core> core) noexcept {
    if (core == nullptr) return;
    if (core->made_in_ != fork_count()) {
        // Its threads are the parent's, and so are its locks and its sockets: nothing is touched.
        new (std::nothrow) std::shared_ptr<Core>{std::move(core)};
        return;
    }
    const auto patience = core->options_.shutdown_timeout.value();
    core->reactor_->stop(saturating_add(core->clock().now(), patience));
    core->keeper_.stop(saturating_add(core->clock().now(), patience));
    core->notifier_->stop(saturating_add(core->clock().now(), patience));
}

LeasePtr Core::make_lease(const std::shared_ptr<Core>& self, std::string_view key,
                          const LockOptions& options, Failure& failure) {
    if (!self->of_this_process(failure) || !check_key(self->options_.prefix, key, failure) ||
        !check_options(options, failure)) {
        return nullptr;
    }
    Backend* const backend = self->choose(options.backend, failure);
    if (backend == nullptr || !self->ready(failure)) return nullptr;
    return Lease::make(self, *backend, key, options);
}

LeasePtr Core::acquire(const std::shared_ptr<Core>& self, std::string_view key,
                       const LockOptions& options, const std::stop_token& stop, Failure& failure) {
    LeasePtr lease = make_lease(self, key, options, failure);
    if (lease == nullptr) return nullptr;
    // From here on the lease keeps the core alive: a wait may outlast the manager.
    return self->acquire(std::move(lease), options, stop, failure);
}

LeasePtr Core::acquire(LeasePtr lease, const LockOptions& options, const std::stop_token& stop,
                       Failure& failure) {
    const Clock::time_point begin = clock().now();
    const AcquireMachine::Plan how = plan(options, *lease, begin);
    std::optional<ThreadWaiter> waiter;
    if (how.wait) waiter.emplace(lease->backend(), lease->full_key(), lease->token());
    Acquisition acquisition{*this, *lease, how, waiter ? &*waiter : nullptr, failure};
    try {
        const Clock::time_point end = drive(acquisition, *lease, waiter, stop, begin);
        acquisition.end();
        return conclude(std::move(lease), acquisition.machine(), options, {begin, end}, failure);
    } catch (...) {
        acquisition.end();
        if (lease != nullptr) settle_debt(std::move(lease), acquisition.machine());
        throw;
    }
}

// What blocks. Answers the time at the end.
Clock::time_point Core::drive(Acquisition& acquisition, const Lease& lease,
                              std::optional<ThreadWaiter>& waiter, const std::stop_token& stop,
                              Clock::time_point now) {
    using Step = Acquisition::Step;
    for (auto next = acquisition.start(now); next.step != Step::done;) {
        if (next.step == Step::submit) {
            now = run(lease.backend(), acquisition.operation());
            next = acquisition.answered(now);
        } else {
            const bool slept = waiter->sleep(clock(), next.until, stop);
            now = clock().now();
            next = slept ? acquisition.woke(now) : acquisition.stop();
        }
    }
    return now;
}

LeasePtr Core::conclude(LeasePtr&& lease, const AcquireMachine& machine, const LockOptions& options,
                        Span span, Failure& failure) {
    const auto waited = span.end - span.begin;
    if (machine.grant() && is_latch(lease->share())) return std::move(lease);
    if (machine.grant()) {
        lease->granted(*machine.grant(), machine.plan().ttl, options);
        keeper_.table().add(*lease, waited);
        tell(*notifier_, &Observer::on_acquired, *lease, {}, span.end, waited);
        return std::move(lease);
    }
    failure.error = machine.error();
    tell_failure(*lease, failure, span.end, waited);
    if (failure.contended()) {
        failure.key = lease->key();
    } else {
        failure.detail = fmt::format("lock '{}'{}{}", lease->key(),
                                     failure.detail.empty() ? "" : ": ", failure.detail);
    }
    settle_debt(std::move(lease), machine);
    return nullptr;
}

void Core::settle_debt(LeasePtr lease, const AcquireMachine& machine) noexcept {
    if (machine.grant() || machine.owes()) keeper_.post(std::move(lease));
}

void Core::tell_failure(const Lease& lease, const Failure& failure, Clock::time_point now,
                        std::chrono::nanoseconds waited) noexcept {
    const bool contended = failure.contended();
    keeper_.table().count_failure(contended);
    tell(*notifier_, contended ? &Observer::on_contended : &Observer::on_error, lease,
         failure.error, now, waited, contended ? &failure.owner : nullptr);
}

std::vector<Finding> Core::check(std::string_view backend_name) {
    Failure failure;
    Backend* const backend = backend_for(backend_name, failure);
    if (backend == nullptr) failure.raise();
    std::vector<Finding> findings;
    dry_run(*this, *backend, findings);
    backend->examine(findings);
    return findings;
}

}  // namespace leaselock::detail
