#include "orders/progress.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <fmt/format.h>
#include <mutex>
#include <stop_token>
#include <unistd.h>
#include <utility>

namespace orders {

Ticker::Ticker(std::function<void()> tick)
    : tick_{std::move(tick)}, thread_{[this](const std::stop_token& stop) {
          std::mutex mutex;
          std::condition_variable_any never_notified;
          std::unique_lock lock{mutex};
          while (!stop.stop_requested()) {
              tick_();
              never_notified.wait_for(lock, stop, std::chrono::milliseconds{50},
                                      [] { return false; });
          }
      }} {}

Ticker::~Ticker() {
    thread_.request_stop();
    thread_.join();
    tick_();
}

Progress::Progress(std::string label, std::size_t total, const std::atomic<std::size_t>& done)
    : label_{std::move(label)},
      total_{total},
      done_{done},
      is_terminal_{::isatty(STDOUT_FILENO) == 1},
      ticker_{std::in_place, [this] { is_terminal_ ? redraw() : print_tenths(); }} {}

Progress::~Progress() {
    ticker_.reset();
    if (is_terminal_) fmt::print("\n");
}

void Progress::redraw() const {
    constexpr std::size_t width = 40;
    const std::size_t done = done_.load(std::memory_order_relaxed);
    const std::size_t bar = total_ == 0 ? width : width * done / total_;
    fmt::print("\r{:<22}[{:<{}}] {}/{}", label_, std::string(bar, '#'), width, done, total_);
    std::fflush(stdout);
}

void Progress::print_tenths() {
    const std::size_t done = done_.load(std::memory_order_relaxed);
    for (; total_ != 0 && done * 10 / total_ > printed_tenths_; ++printed_tenths_) {
        fmt::print("{}: {} %\n", label_, (printed_tenths_ + 1) * 10);
    }
    std::fflush(stdout);
}

}  // namespace orders
