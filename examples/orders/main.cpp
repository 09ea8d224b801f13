// The demo: a shop works its orders twice, by many threads or processes, first without locks and
// then with them, and tells what each came to.
#include <chrono>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <stdexcept>

#include <leaselock/leaselock.hpp>

#include "orders/arguments.hpp"
#include "orders/make_redis.hpp"
#include "orders/processes.hpp"
#include "orders/progress.hpp"
#include "orders/work.hpp"

namespace orders {
namespace {

Result run_threads(const Arguments& arguments, const Input& input, bool with_locks,
                   std::string label) {
    const auto counter = std::make_shared<LockCounter>();
    MemoryShelf shelf{input.products};
    std::atomic<std::size_t> done{0};
    Tally tally{input.products.size()};
    const auto began = std::chrono::steady_clock::now();
    {
        leaselock::LockManager locks{{.observer = counter}};
        Shop shop{shelf, locks};
        const Progress progress{std::move(label), input.orders.size(), done};
        tally = work(
            input, {}, arguments.threads,
            [&](const Order& order) {
                return with_locks ? shop.sell_locked(order) : shop.sell(order);
            },
            done);
    }
    const auto time = std::chrono::steady_clock::now() - began;
    tally.locks = counter->figures();
    return audit(input, tally, shelf, time);
}

// Throws if there is no server to work with, so that it shows before the work begins.
void ask_redis(const std::string& url) {
    leaselock::LockManager locks{{.backend = "redis"}};
    locks.register_backend("redis", make_redis(url));
    static_cast<void>(locks.inspect("is-it-there"));
}

// Whether the shop with locks sold only what it had.
bool run(const Arguments& arguments) {
    const Input input = read_input(arguments.orders_file, arguments.stock_file);
    if (arguments.is_worker) {
        run_worker(arguments, input);
        return true;
    }
    const bool in_threads = arguments.redis_url.empty();
    if (!in_threads) ask_redis(arguments.redis_url);
    fmt::print("{} orders over {} products, {} threads{}\n", input.orders.size(),
               input.products.size(), arguments.threads,
               in_threads ? std::string(" on the memory backend")
                          : fmt::format(" in each of {} processes on Redis, the stock in a file",
                                        arguments.processes));
    const auto run_once = in_threads ? run_threads : run_processes;
    const Result without = run_once(arguments, input, false, "without locks");
    const Result with = run_once(arguments, input, true, "with DISTRIBUTED_LOCK");
    fmt::print("\n{}", table(without, with));
    return with.is_sound();
}

}  // namespace
}  // namespace orders

int main(int argc, char** argv) {
    try {
        const orders::Arguments arguments = orders::parse_arguments(argc, argv);
        if (arguments.wants_help) {
            fmt::print("{}", orders::usage);
            return 0;
        }
        return orders::run(arguments) ? 0 : 1;
    } catch (const std::invalid_argument& error) {
        fmt::print(stderr, "orders: {}\n{}", error.what(), orders::usage);
        return 2;
    } catch (const std::exception& error) {
        fmt::print(stderr, "orders: {}\n", error.what());
        return 2;
    }
}
