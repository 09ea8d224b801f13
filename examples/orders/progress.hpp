// Shows how far a run is, from a thread of its own, until the object goes: a line that is redrawn
// on a terminal, a plain line for each tenth elsewhere.
//
// Thread-safety: one thread makes and destroys it; `done` may be counted up by any.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <thread>

namespace orders {

// Calls `tick` twenty times a second from a thread of its own, and a last time at its end.
class Ticker {
  public:
    explicit Ticker(std::function<void()> tick);
    Ticker(const Ticker&) = delete;
    Ticker& operator=(const Ticker&) = delete;
    ~Ticker();

  private:
    std::function<void()> tick_;
    std::jthread thread_;
};

class Progress {
  public:
    // `done` must outlive the object.
    Progress(std::string label, std::size_t total, const std::atomic<std::size_t>& done);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress();

  private:
    void redraw() const;
    void print_tenths();

    const std::string label_;
    const std::size_t total_;
    const std::atomic<std::size_t>& done_;
    const bool is_terminal_;
    std::size_t printed_tenths_ = 0;
    std::optional<Ticker> ticker_;  // last: its thread uses the rest
};

}  // namespace orders
