#include "core/backend_registry.hpp"

#include <fmt/format.h>

#include <leaselock/memory_backend.hpp>

namespace leaselock::detail {

BackendRegistry::BackendRegistry(std::string default_name)
    : default_name_{std::move(default_name)} {
    backends_.emplace_back("memory", std::make_shared<MemoryBackend>());
}

Backend* BackendRegistry::find(std::string_view name) const noexcept {
    for (const auto& [known, backend] : backends_) {
        if (known == name) return backend.get();
    }
    return nullptr;
}

Backend* BackendRegistry::find(std::string_view name, Failure& failure) const {
    Backend* const backend = find(name);
    if (backend != nullptr) return backend;
    std::string known;
    for (const auto& each : backends_) known += (known.empty() ? "" : ", ") + each.first;
    failure.set(Errc::unknown_backend,
                fmt::format("backend = '{}', registered are: {}", name, known));
    return nullptr;
}

bool BackendRegistry::open(Failure& failure) const {
    if (!frozen_.load(std::memory_order_relaxed)) return true;
    failure.set(Errc::registry_frozen, "backends are registered before the first use of a manager");
    return false;
}

bool BackendRegistry::add(std::string name, std::shared_ptr<Backend> backend, Failure& failure) {
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

bool BackendRegistry::set_default(std::string_view name, Failure& failure) {
    const MutexLock lock{mutex_};
    if (!open(failure)) return false;
    if (find(name, failure) == nullptr) return false;
    default_name_ = name;
    return true;
}

bool BackendRegistry::is_untouched() const {
    const auto is_initial = [this] { return backends_.size() == 1 && default_name_ == "memory"; };
    if (frozen_.load(std::memory_order_acquire)) return is_initial();
    const MutexLock lock{mutex_};
    return is_initial();
}

bool BackendRegistry::freeze(Failure& failure) {
    const MutexLock lock{mutex_};
    if (frozen_.load(std::memory_order_relaxed)) return true;
    default_backend_ = find(default_name_, failure);
    if (default_backend_ == nullptr) return false;
    frozen_.store(true, std::memory_order_release);
    return true;
}

Backend* BackendRegistry::choose(std::string_view name, Failure& failure) {
    if (!frozen_.load(std::memory_order_acquire) && !freeze(failure)) return nullptr;
    Backend* const chosen = name.empty() ? default_backend_ : find(name, failure);
    if (chosen == nullptr || !chosen->is_copied()) return chosen;
    failure.set(Errc::forked, "the child makes backends of its own");
    return nullptr;
}

std::uint64_t BackendRegistry::reconnects() const {
    if (!frozen_.load(std::memory_order_acquire)) return 0;  // none was used so far
    std::uint64_t sum = 0;
    for (const auto& each : backends_) sum += each.second->reconnects();
    return sum;
}

}  // namespace leaselock::detail
