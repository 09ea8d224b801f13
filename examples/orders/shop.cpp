#include "orders/shop.hpp"

#include <chrono>
#include <thread>

#include <leaselock/distributed_lock.hpp>

namespace orders {

using namespace std::chrono_literals;

Answer Shop::sell(const Order& order, std::uint64_t fencing_token) {
    const std::int64_t units = shelf_.read(order.record);
    if (units < order.quantity) return Answer::rejected;
    std::this_thread::sleep_for(500us);  // prices, payment, whatever a service does in between
    const bool written = shelf_.write(order.record, units - order.quantity, fencing_token);
    return written ? Answer::accepted : Answer::fenced;
}

Answer Shop::sell_locked(const Order& order) {
    DISTRIBUTED_LOCK(locks_, "stock-{{order.product}}",
                     {.ttl = 10s, .wait_timeout = 20s, .retry_delay = 1ms}, order.product);
    return sell(order, 0);
}

Answer Shop::sell_fenced(const Order& order) {
    const auto lock =
        LEASELOCK_GUARD(locks_, "stock-{{order.product}}",
                        {.ttl = 10s, .wait_timeout = 20s, .retry_delay = 1ms}, order.product);
    return sell(order, lock.fencing_token());
}

}  // namespace orders
