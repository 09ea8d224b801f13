// A job that all machines start at the same time, and one runs. Two managers stand for two
// machines.
#include <fmt/format.h>
#include <memory>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>

using namespace std::chrono_literals;

int main() {
    leaselock::LockManager here;
    leaselock::LockManager there;
    const auto store = std::make_shared<leaselock::MemoryBackend>();
    here.register_backend("store", store);
    there.register_backend("store", store);

    int reports = 0;
    const auto nightly = [&](leaselock::LockManager& machine) {
        return leaselock::run_once(machine, "nightly", {.min_hold = 1min, .backend = "store"},
                                   [&] { ++reports; });
    };
    const bool first = nightly(here);
    const bool second = nightly(there);  // a moment later, since clocks differ
    fmt::print("ran here: {}, ran there: {}, reports: {}\n", first, second, reports);
    return first && !second && reports == 1 ? 0 : 1;
}
