// The annotation: the first statement of a function makes all of it a critical section. The key is
// checked while compiling; values of it come from arguments, their fields and accessors.
#include <cstdint>
#include <fmt/format.h>
#include <map>
#include <string>
#include <thread>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

struct User {
    std::string sub;
    int region = 0;
};
LEASELOCK_FIELDS(User, sub, region);

class Inventory {
  public:
    explicit Inventory(leaselock::LockManager& locks) : locks_{locks} {}

    int update_stock(int productId, int quantity) {
        DISTRIBUTED_LOCK(locks_, "stock-update-{{productId}}",
                         {.ttl = 10s, .wait_timeout = 10s, .retry_delay = 1ms}, productId);
        const int stock = stock_;
        std::this_thread::yield();  // without the lock, this is where an update would be lost
        return stock_ = stock - quantity;
    }

    // With the guard: asked before what cannot be undone, and its token goes with the write.
    std::uint64_t ship(int productId) {
        const auto guard = LEASELOCK_GUARD(locks_, "stock-update-{{productId}}",
                                           {.ttl = 10s, .wait_timeout = 10s}, productId);
        guard.ensure();
        return shipped_with_ = guard.fencing_token();
    }

    // With a body: LockLost if the lease has ended by its end.
    int count(int productId) {
        return WITH_DISTRIBUTED_LOCK(locks_, "stock-update-{{productId}}", {.wait_timeout = 10s},
                                     productId) {
            return stock_;
        };
    }

    std::string rename(const User& user, const std::string& name) {
        DISTRIBUTED_LOCK(locks_, "user-{{user.region}}/{{ user.sub }}", user);
        return names_[user.sub] = name;
    }

  private:
    leaselock::LockManager& locks_;
    int stock_ = 200;
    std::uint64_t shipped_with_ = 0;
    std::map<std::string, std::string> names_;
};

int main() {
    leaselock::LockManager locks;
    Inventory inventory{locks};
    const auto sell_hundred = [&] {
        for (int i = 0; i < 100; ++i) inventory.update_stock(7, 1);
    };
    {
        const std::jthread first{sell_hundred};
        const std::jthread second{sell_hundred};
    }
    const int left = inventory.count(7);
    fmt::print("{} left of 200 after 200 sales, shipped with token {}\n", left, inventory.ship(7));
    return left == 0 && inventory.rename({"auth0|7", 3}, "Ada") == "Ada" ? 0 : 1;
}
