// The positive control of wrong_lock_calls.cpp: calls of lock macros as programs have them.
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;
using namespace leaselock;

struct Address {
    std::string city;
};
struct Order {
    std::string id;
    [[nodiscard]] int number() const { return 1; }
    Address address{};
};
LEASELOCK_FIELDS(Order, id);

extern LockManager locks;
LockManager& manager();
LockOptions options();
inline const LockOptions kFast{.ttl = 1s};

void order_of_a_call(const Order& order, int n, double price, std::optional<int> maybe) {
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.ttl = 10s, .wait = true}, n);
    DISTRIBUTED_LOCK(manager(), "o-{{order.id}}-{{n}}", order, n);
    DISTRIBUTED_LOCK("o-{{n}}", {.wait_timeout = 5s, .retry_delay = 10ms}, n);
    DISTRIBUTED_LOCK("o");
    DISTRIBUTED_LOCK(locks, "o-{{n}}", kFast, n);
    DISTRIBUTED_LOCK(locks, "o-{{n}}", options(), n);
    DISTRIBUTED_LOCK(locks, "o-{{n}}", (LockOptions{.ttl = 1s, .wait = true}), n);
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.ttl = std::chrono::milliseconds{n}}, n);
    DISTRIBUTED_LOCK(locks, "o-{{n}}", {.retry_count = 5, .share = shared, .backend = "a,b"}, n);
    DISTRIBUTED_SHARED_LOCK(locks, "o-{{price}}-{{maybe}}", {}, price, *maybe);
    DISTRIBUTED_LOCK(locks, "o-{{order.address.city}}", order.address.city);
    DISTRIBUTED_LOCK(locks, "o-{{order.number}}", {}, order.number());
    DISTRIBUTED_LOCK(locks, "{order-{{n}}}-{{order.id}}", {}, n, order);
    DISTRIBUTED_LOCK(locks, "o-{{sum}}", {.key_template = "o"}, arg<"sum">(n + 1));
    DISTRIBUTED_LOCK(locks, "say \"{{n}}\", back\\slash", n);
    DISTRIBUTED_LOCK(locks,
                     "o-"
                     "{{n}}",
                     {.wait = true}, n);
}

struct Service {
    std::shared_ptr<LockManager> locks_;
    Order order;
    int id = 1;
    void run() {
        DISTRIBUTED_LOCK(*locks_, "o-{{order.id}}-{{id}}", {}, this->order, id);
        const auto later = [this] { DISTRIBUTED_LOCK(*locks_, "o-{{id}}", id); };
        later();
    }
};

template <class T>
void in_a_template(const T& order, std::map<int, int>& counts) {
    DISTRIBUTED_LOCK(locks, "o-{{order.id}}", {.wait = true}, order.id);
    for (auto& [key, count] : counts) {
        DISTRIBUTED_LOCK(locks, "o-{{key}}", {.wait = true}, key);
        ++count;
    }
    if (counts.empty()) {
        DISTRIBUTED_LOCK(locks, "empty");
    }
}
template void in_a_template(const Order&, std::map<int, int>&);

// Whatever stands around it, and one inside the other.
int nested(bool condition, int n) {
    DISTRIBUTED_LOCK(locks, "outer");
    if (condition) {
        DISTRIBUTED_LOCK(locks, "inner-{{n}}", n);
        return WITH_DISTRIBUTED_LOCK(locks, "body-{{n}}", {.wait = true}, n) { return n + 1; };
    }
    switch (n) {
        case 1: {
            DISTRIBUTED_SHARED_LOCK(locks, "case");
            break;
        }
        default: break;
    }
    const auto guard = LEASELOCK_GUARD(locks, "guard-{{n}}", n);
    return guard.owns_lock() ? 1 : 0;
}
