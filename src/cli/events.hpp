// What the main thread waits for while it waits for a lock or for a command: a signal, a ring from
// another thread, or a time.
//
// Thread-safety: ring() by all threads at once; the rest by the main one.
#pragma once

#include <chrono>

#include "cli/descriptor.hpp"
#include "cli/signals.hpp"

namespace leaselock::cli {

class Events {
  public:
    // Throws std::system_error.
    explicit Events(const Signals& signals);

    // Ends the wait that is under way, or else the next one.
    void ring() const noexcept;
    // The next wait ends in `left` at the latest, also if the machine sleeps meanwhile.
    void set_alarm(std::chrono::milliseconds left);
    // Blocks until there is one of the three.
    void wait();

    // Whether there was one since it was last asked.
    [[nodiscard]] bool rang() const noexcept;
    [[nodiscard]] bool is_time() const noexcept;

  private:
    int signals_;
    Descriptor bell_;
    Descriptor alarm_;
};

}  // namespace leaselock::cli
