// Readers and a writer: many look at the catalogue at once, and nobody while it is changed.
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

struct Catalogue {
    std::map<std::string, int> prices{{"apple", 3}, {"pear", 4}};
    bool is_sound() const { return prices.at("apple") + 1 == prices.at("pear"); }
};

int main() {
    leaselock::LockManager locks;
    leaselock::SharedDistributedMutex mutex{locks, "catalogue", {.ttl = 10s}};
    Catalogue catalogue;
    int wrong = 0;
    {
        std::vector<std::jthread> readers;
        for (int i = 0; i < 4; ++i) {
            readers.emplace_back([&] {
                const std::shared_lock reading{mutex};
                if (!catalogue.is_sound()) ++wrong;
            });
        }
        const std::unique_lock writing{mutex};
        for (auto& [name, price] : catalogue.prices) price *= 2;
        catalogue.prices["pear"] = catalogue.prices["apple"] + 1;
    }

    // A writer who goes on as a reader lets the others in, and no other writer in between.
    auto lock = locks.acquire("catalogue", {.ttl = 10s});
    lock->downgrade();
    const auto other = locks.acquire("catalogue", {.ttl = 10s, .share = leaselock::shared});
    const leaselock::LockInfo info = locks.inspect("catalogue");
    fmt::print("wrong: {}, readers now: {}\n", wrong, info.taken);
    return wrong == 0 && other && info.taken == 2 ? 0 : 1;
}
