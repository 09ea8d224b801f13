// What a run came to, and the table that tells it.
//
// Thread-safety: plain values and functions without state.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "orders/input.hpp"
#include "orders/lock_counter.hpp"
#include "orders/shelf.hpp"

namespace orders {

// What those who work the orders note down. One for each worker, added up at the end.
struct Tally {
    explicit Tally(std::size_t products) : sold(products) {}
    Tally& operator+=(const Tally& other);

    std::int64_t accepted = 0;
    std::int64_t rejected = 0;
    std::int64_t fenced = 0;
    std::vector<std::int64_t> sold;  // units, by record
    LockFigures locks;
};

struct Result {
    Tally tally;
    std::chrono::duration<double> time{0};
    std::int64_t oversold = 0;  // units that were sold and not there
    std::int64_t wrong_records =
        0;  // products whose stock is not what was there less what was sold
    // Whether the shop may be proud of it.
    [[nodiscard]] bool is_sound() const {
        return oversold == 0 && wrong_records == 0 && tally.fenced == 0 && tally.locks.fences_rise;
    }
};

// Compares what was sold with what was there, and with what is left on the shelf.
[[nodiscard]] Result audit(const Input& input, const Tally& tally, Shelf& shelf,
                           std::chrono::duration<double> time);

[[nodiscard]] std::string table(const Result& without_locks, const Result& with_locks);

}  // namespace orders
