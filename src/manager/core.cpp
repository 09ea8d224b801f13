#include "manager/core.hpp"

#include <cstring>
#include <fmt/core.h>

#include <leaselock/memory_backend.hpp>

#include "manager/validation.hpp"

namespace leaselock::detail {

Core::Core(ManagerOptions options) : options_{std::move(options)} {
    if (Failure failure; !check_options(options_, failure)) failure.raise();
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
    if (!backend.pump(operation)) backend.detach(operation);
    return clock().now();
}

AcquireMachine::Plan Core::plan(const LockOptions& options, const Lease& lease,
                                Clock::time_point now) const noexcept {
    const bool wait = options.wait || options.wait_timeout.has_value();
    const auto patience = options.wait_timeout ? options.wait_timeout->value()
                                               : options.retry_count * options.retry_delay.value();
    std::uint32_t seed = 0;
    std::memcpy(&seed, lease.token().data() + lease.token().size() - sizeof seed, sizeof seed);
    return {.ttl = options.ttl.value_or(options_.default_ttl).value(),
            .wait = wait,
            .deadline = saturating_add(now, patience),
            .retry_delay = options.retry_delay.value(),
            .seed = seed};
}

std::unique_ptr<Lease> Core::acquire(const std::shared_ptr<Core>& self, std::string_view key,
                                     const LockOptions& options, const std::stop_token& stop,
                                     Failure& failure) {
    if (!check_key(self->options_.prefix, key, failure) || !check_options(options, failure)) {
        return nullptr;
    }
    Backend* const backend = self->choose(options.backend, failure);
    if (backend == nullptr) return nullptr;
    auto lease = Lease::make(self, *backend, key);
    const Clock::time_point now = self->clock().now();
    const AcquireMachine::Plan plan = self->plan(options, *lease, now);
    AcquireMachine machine{plan};
    self->drive(machine, *lease, *backend, options, plan.ttl, now, stop, failure);
    if (machine.granted()) return lease;
    failure.error = machine.error();
    if (failure.contended()) {
        failure.key = key;
    } else {
        failure.detail =
            fmt::format("lock '{}'{}{}", key, failure.detail.empty() ? "" : ": ", failure.detail);
    }
    return nullptr;
}

// The blocking driver of the machine.
void Core::drive(AcquireMachine& machine, Lease& lease, Backend& backend,
                 const LockOptions& options, std::chrono::milliseconds ttl, Clock::time_point now,
                 const std::stop_token& stop, Failure& failure) const {
    using Step = AcquireMachine::Step;
    for (auto action = machine.start(now); action.step != Step::done;) {
        if (action.step == Step::sleep) {
            const bool slept = clock().sleep_until(action.until, stop);
            now = clock().now();
            action = machine.woke(now, !slept);
            continue;
        }
        const bool acquiring = action.step == Step::acquire;
        Operation operation{{.verb = acquiring ? Verb::acquire : Verb::release,
                             .key = lease.full_key(),
                             .token = lease.token(),
                             .ttl = ttl,
                             .submitted = now,
                             .deadline = action.until}};
        now = run(backend, operation);
        if (!acquiring) {
            action = machine.released();
            continue;
        }
        Reply& reply = operation.reply;
        if (reply.outcome == Outcome::granted) {
            lease.granted(reply.fencing_token, operation.request.submitted, ttl,
                          options.min_hold.value());
        } else if (reply.outcome == Outcome::held) {
            failure.owner = owner_of(reply.holder);
            failure.remaining = reply.remaining;
        } else {
            failure.detail = std::move(reply.detail);
        }
        action = machine.replied(reply, operation.request.submitted, now);
    }
}

bool Core::inspect(std::string_view key, std::string_view backend_name, LockInfo& info,
                   Failure& failure) {
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

}  // namespace leaselock::detail
