// The service of the demo: it sells what is on the shelf, or refuses the order if there is not
// enough. Begin to read here: the only difference between a shop that sells what it does not have
// and one that does not is the first statement of sell_locked.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>

#include <leaselock/lock_manager.hpp>

#include "orders/input.hpp"
#include "orders/shelf.hpp"

namespace orders {

enum class Answer {
    accepted,
    rejected,  // not enough in stock
    fenced,    // the shelf has seen a younger fencing token: this lock had ended
};

class Shop {
  public:
    // Both must outlive the shop.
    Shop(Shelf& shelf, leaselock::LockManager& locks) : shelf_{shelf}, locks_{locks} {}

    // What everybody writes first. Two calls for one product at the same time see the same stock.
    [[nodiscard]] Answer sell(const Order& order) { return sell(order, 0); }
    // The same as a critical section of its product. Throws leaselock::Error.
    [[nodiscard]] Answer sell_locked(const Order& order);
    // The same, and the shelf is shown the lock's fencing token. Throws leaselock::Error.
    [[nodiscard]] Answer sell_fenced(const Order& order);

  private:
    [[nodiscard]] Answer sell(const Order& order, std::uint64_t fencing_token);

    Shelf& shelf_;
    leaselock::LockManager& locks_;
};

}  // namespace orders
