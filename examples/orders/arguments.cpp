#include "orders/arguments.hpp"

#include <charconv>
#include <fmt/format.h>
#include <stdexcept>
#include <string_view>

namespace orders {

const char* const usage =
    "usage: orders [options]\n"
    "Works a file of orders by many threads: without locks, then with DISTRIBUTED_LOCK.\n"
    "  --threads N      threads, of each process (8, with --processes 2)\n"
    "  --orders FILE    CSV: order,customer,product,quantity\n"
    "  --stock FILE     CSV: product,stock\n"
    "  --redis URL      locks on a Redis server; the stock lies in a file then\n"
    "  --processes N    with --redis: so many processes share the work (3)\n"
    "  --help\n"
    "It fails if the shop with locks sold what it did not have.\n";

namespace {

std::size_t number(std::string_view name, std::string_view text, std::size_t least,
                   std::size_t most) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
        throw std::invalid_argument(
            fmt::format("{} is '{}', allowed are {} to {}", name, text, least, most));
    }
    return value;
}

}  // namespace

Arguments parse_arguments(int argc, char** argv) {
    Arguments result;
    result.orders_file = ORDERS_DIRECTORY "/orders.csv";
    result.stock_file = ORDERS_DIRECTORY "/stock.csv";
    std::size_t threads = 0;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--help" || name == "-h") {
            result.wants_help = true;
            continue;
        }
        if (i + 1 == argc) throw std::invalid_argument(fmt::format("{} has no value", name));
        const std::string_view value = argv[++i];
        if (name == "--threads") {
            threads = number(name, value, 1, 1000);
        } else if (name == "--orders") {
            result.orders_file = value;
        } else if (name == "--stock") {
            result.stock_file = value;
        } else if (name == "--redis") {
            result.redis_url = value;
        } else if (name == "--processes") {
            result.processes = number(name, value, 1, 100);
        } else if (name == "--worker") {
            result.worker = number(name, value, 0, 99);
            result.is_worker = true;
        } else if (name == "--records") {
            result.records = value;
        } else if (name == "--with-locks") {
            result.with_locks = value == "yes";
        } else {
            throw std::invalid_argument(fmt::format("{} is not known", name));
        }
    }
    if (result.redis_url.empty() && result.processes != 0) {
        throw std::invalid_argument("--processes needs --redis: memory is not shared by processes");
    }
    if (!result.redis_url.empty() && result.processes == 0) result.processes = 3;
    if (threads == 0) threads = result.processes == 0 ? 8 : 2;
    result.threads = threads;
    return result;
}

}  // namespace orders
