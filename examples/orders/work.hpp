// Works the orders by many threads of this process.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

#include "orders/input.hpp"
#include "orders/result.hpp"
#include "orders/shop.hpp"

namespace orders {

// This process's part of the orders: each `parts`-th, from number `part` on.
struct Share {
    std::size_t part = 0;
    std::size_t parts = 1;
};

// Blocks until all orders of the share are worked; `done` counts them meanwhile. The first
// exception of `sell` ends the work, and is thrown on.
[[nodiscard]] Tally work(const Input& input, Share share, std::size_t threads,
                         const std::function<Answer(const Order&)>& sell,
                         std::atomic<std::size_t>& done);

}  // namespace orders
