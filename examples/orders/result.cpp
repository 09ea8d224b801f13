#include "orders/result.hpp"

#include <algorithm>
#include <fmt/chrono.h>
#include <fmt/format.h>

namespace orders {
namespace {

LockFigures& operator+=(LockFigures& sum, const LockFigures& other) {
    sum.acquisitions += other.acquisitions;
    sum.total_wait += other.total_wait;
    sum.longest_wait = std::max(sum.longest_wait, other.longest_wait);
    sum.fences_rise = sum.fences_rise && other.fences_rise;
    return sum;
}

std::string row(const std::string& name, const std::string& without, const std::string& with) {
    return fmt::format("  {:<26}{:>16}{:>16}\n", name, without, with);
}

std::string milliseconds(std::chrono::microseconds time) {
    return fmt::format("{:.1f} ms", static_cast<double>(time.count()) / 1000);
}

std::string per_second(const Result& result) {
    const auto orders = result.tally.accepted + result.tally.rejected + result.tally.fenced;
    return fmt::format("{:.0f}", static_cast<double>(orders) / result.time.count());
}

}  // namespace

Tally& Tally::operator+=(const Tally& other) {
    accepted += other.accepted;
    rejected += other.rejected;
    fenced += other.fenced;
    for (std::size_t i = 0; i < sold.size(); ++i) sold[i] += other.sold[i];
    locks += other.locks;
    return *this;
}

Result audit(const Input& input, const Tally& tally, Shelf& shelf,
             std::chrono::duration<double> time) {
    Result result{.tally = tally, .time = time};
    for (std::size_t i = 0; i < input.products.size(); ++i) {
        const std::int64_t stock = input.products[i].stock;
        result.oversold += std::max<std::int64_t>(tally.sold[i] - stock, 0);
        if (shelf.read(i) != stock - tally.sold[i]) ++result.wrong_records;
    }
    return result;
}

std::string table(const Result& without_locks, const Result& with_locks) {
    const auto both = [&](const std::string& name, const auto& value) {
        return row(name, fmt::format("{}", value(without_locks)),
                   fmt::format("{}", value(with_locks)));
    };
    const LockFigures& locks = with_locks.tally.locks;
    const auto mean = locks.total_wait / std::max<std::int64_t>(locks.acquisitions, 1);
    return row("", "without locks", "with locks") + both("orders per second", per_second) +
           both("accepted orders", [](const Result& r) { return r.tally.accepted; }) +
           both("rejected orders", [](const Result& r) { return r.tally.rejected; }) +
           both("oversold units", [](const Result& r) { return r.oversold; }) +
           both("wrong stock records", [](const Result& r) { return r.wrong_records; }) +
           row("lock acquisitions", "-", fmt::format("{}", locks.acquisitions)) +
           row("  mean wait", "-", milliseconds(mean)) +
           row("  longest wait", "-", milliseconds(locks.longest_wait)) +
           row("fences rise per product", "-",
               locks.fences_rise && with_locks.tally.fenced == 0 ? "yes" : "NO");
}

}  // namespace orders
