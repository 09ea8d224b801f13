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
      keeper_{*options_.clock, *notifier_} {
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

Clock::time_point Core::run(Backend& backend, Operation& operation) const noexcept {
    backend.submit(operation);
    if (operation.done()) return operation.request.submitted;
    if (!backend.pump(operation, operation.request.deadline)) backend.detach(operation);
    return clock().now();
}

AcquireMachine::Plan Core::plan(const LockOptions& options, const Lease& lease,
                                Clock::time_point now) const noexcept {
    const bool wait = options.wait || options.wait_timeout.has_value();
    const auto patience = options.wait_timeout ? options.wait_timeout->value()
                                               : options.retry_count * options.retry_delay.value();
    return {.ttl = options.ttl.value_or(options_.default_ttl).value(),
            .wait = wait,
            .deadline = saturating_add(now, patience),
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
    if (!keeper_.start() || (notifier_->observed() && !Notifier::start(notifier_))) {
        failure.set(Errc::no_thread, "the system gives no thread");
        return false;
    }
    started_ = true;
    return true;
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
    core->keeper_.stop(saturating_add(core->clock().now(), patience));
    core->notifier_->stop(saturating_add(core->clock().now(), patience));
}

LeasePtr Core::acquire(const std::shared_ptr<Core>& self, std::string_view key,
                       const LockOptions& options, const std::stop_token& stop, Failure& failure) {
    if (!self->of_this_process(failure) || !check_key(self->options_.prefix, key, failure) ||
        !check_options(options, failure)) {
        return nullptr;
    }
    Backend* const backend = self->choose(options.backend, failure);
    if (backend == nullptr || !self->ready(failure)) return nullptr;
    LeasePtr lease = Lease::make(self, *backend, key, options);
    Core& core = *self;  // the lease keeps it alive, should the manager end before the wait
    const Clock::time_point begin = core.clock().now();
    AcquireMachine machine{core.plan(options, *lease, begin)};
    try {
        const auto now = Acquisition{core, *lease, machine, stop, failure}.run(begin);
        if (machine.grant()) {
            lease->granted(*machine.grant(), machine.plan().ttl, options);
            core.keeper_.table().add(*lease, now - begin);
            tell(*core.notifier_, &Observer::on_acquired, *lease, {}, now, now - begin);
            return lease;
        }
        failure.error = machine.error();
        core.tell_failure(*lease, failure, now, now - begin);
    } catch (...) {
        if (machine.grant() || machine.owes()) core.keeper_.post(std::move(lease));
        throw;
    }
    if (machine.owes()) core.keeper_.post(std::move(lease));
    if (failure.contended()) {
        failure.key = key;
    } else {
        failure.detail =
            fmt::format("lock '{}'{}{}", key, failure.detail.empty() ? "" : ": ", failure.detail);
    }
    return nullptr;
}

void Core::tell_failure(const Lease& lease, const Failure& failure, Clock::time_point now,
                        std::chrono::nanoseconds waited) noexcept {
    const bool contended = failure.contended();
    keeper_.table().count_failure(contended);
    tell(*notifier_, contended ? &Observer::on_contended : &Observer::on_error, lease,
         failure.error, now, waited, contended ? &failure.owner : nullptr);
}

bool Core::inspect(std::string_view key, std::string_view backend_name, LockInfo& info,
                   Failure& failure) {
    if (!of_this_process(failure)) return false;
    if (!check_key(options_.prefix, key, failure)) return false;
    Backend* const backend = choose(backend_name, failure);
    if (backend == nullptr) return false;
    const std::string full_key = options_.prefix + std::string(key);
    Operation operation{{.verb = Verb::inspect, .key = full_key, .submitted = clock().now()}};
    run(*backend, operation);
    const Reply& reply = operation.reply;
    if (reply.outcome == Outcome::failed) {
        failure.set(reply.error, fmt::format("lock '{}': {}", key, reply.detail));
        return false;
    }
    const std::string_view owner = owner_of(reply.holder);
    info = {.held = reply.outcome == Outcome::held,
            .owner = std::string(owner),
            .remaining = reply.remaining,
            .fencing_token = owner.empty() ? 0 : reply.fencing_token,  // of an earlier holder
            .kept = reply.kept};
    return true;
}

std::vector<Finding> Core::check(std::string_view backend_name) {
    Failure failure;
    Backend* const backend = of_this_process(failure) ? choose(backend_name, failure) : nullptr;
    if (backend == nullptr) failure.raise();
    std::vector<Finding> findings;
    dry_run(*this, *backend, findings);
    backend->examine(findings);
    return findings;
}

}  // namespace leaselock::detail
