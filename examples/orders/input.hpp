// What the shop works on: orders, and the products with their stock, both as CSV with one line of
// headings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace orders {

struct Order {
    std::string id;
    std::string customer;
    std::string product;
    std::int64_t quantity = 0;
    std::size_t record = 0;  // the product's place in Input::products, and on every shelf
};

struct Product {
    std::string id;
    std::int64_t stock = 0;
};

struct Input {
    std::vector<Order> orders;
    std::vector<Product> products;
};

// Throws std::runtime_error that names file, line and fault.
[[nodiscard]] Input read_input(const std::string& orders_file, const std::string& stock_file);

}  // namespace orders
