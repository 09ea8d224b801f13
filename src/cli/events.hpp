// What the main thread waits for while it waits for a lock or for a command: a signal, a ring from
// another thread, a time, or input.
//
// Thread-safety: ring() by all threads at once; the rest by the main one.
#pragma once

#include <chrono>
#include <poll.h>

#include "cli/descriptor.hpp"
#include "cli/signals.hpp"

namespace leaselock::cli {

class Events {
  public:
    // `input` ends a wait as well, by one of these events of poll(2); -1: there is none. Throws
    // std::system_error.
    explicit Events(const Signals& signals, int input = -1, short input_events = POLLIN);

    // Ends the wait that is under way, or else the next one.
    void ring() const noexcept;
    // The next wait ends in `left` at the latest, also if the machine sleeps meanwhile.
    void set_alarm(std::chrono::milliseconds left);
    // Blocks until there is one of them.
    void wait();
    // Input ends no wait any more.
    void leave_input() noexcept { input_ = -1; }

    // Whether there was one since it was last asked.
    [[nodiscard]] bool rang() const noexcept;
    [[nodiscard]] bool is_time() const noexcept;

  private:
    int signals_;
    int input_;
    short input_events_;
    Descriptor bell_;
    Descriptor alarm_;
};

// Rings however its scope is left.
struct RingAtEnd {
    explicit RingAtEnd(const Events& events) noexcept : events_{events} {}
    RingAtEnd(const RingAtEnd&) = delete;
    RingAtEnd& operator=(const RingAtEnd&) = delete;
    ~RingAtEnd() { events_.ring(); }
    const Events& events_;
};

}  // namespace leaselock::cli
