// The worker's side of processes.hpp.
#include <cstdio>
#include <fmt/format.h>

#include <leaselock/lock_manager.hpp>

#include "orders/make_redis.hpp"
#include "orders/processes.hpp"
#include "orders/progress.hpp"
#include "orders/work.hpp"

namespace orders {
namespace {

void tell(const Tally& tally) {
    for (std::size_t i = 0; i < tally.sold.size(); ++i) {
        if (tally.sold[i] != 0) fmt::print("sold {} {}\n", i, tally.sold[i]);
    }
    const LockFigures& locks = tally.locks;
    fmt::print("figures {} {} {} {} {} {} {}\n", tally.accepted, tally.rejected, tally.fenced,
               locks.acquisitions, locks.total_wait.count(), locks.longest_wait.count(),
               locks.fences_rise ? 1 : 0);
    std::fflush(stdout);
}

}  // namespace

void run_worker(const Arguments& arguments, const Input& input) {
    const auto counter = std::make_shared<LockCounter>();
    FileShelf shelf{arguments.records};
    std::atomic<std::size_t> done{0};
    Tally tally{input.products.size()};
    {
        leaselock::LockManager locks{
            {.prefix = "leaselock-demo:", .backend = "redis", .observer = counter}};
        locks.register_backend("redis", make_redis(arguments.redis_url));
        Shop shop{shelf, locks};
        const Ticker ticker{[&done] {
            fmt::print("done {}\n", done.load(std::memory_order_relaxed));
            std::fflush(stdout);
        }};
        tally = work(
            input, {.part = arguments.worker, .parts = arguments.processes}, arguments.threads,
            [&](const Order& order) {
                return arguments.with_locks ? shop.sell_fenced(order) : shop.sell(order);
            },
            done);
    }
    tally.locks = counter->figures();
    tell(tally);
}

}  // namespace orders
