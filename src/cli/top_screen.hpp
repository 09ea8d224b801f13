// The screen and the keys of `leaselock top`, by ncurses, which nobody else knows.
//
// Thread-safety: none. ncurses has handlers of its own for SIGINT, SIGTERM and SIGWINCH, which may
// run at any time: a process with a screen has them blocked and reads them. That for SIGTSTP is
// taken away from it: a process that is to be stopped leaves the screen before.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "cli/top_controls.hpp"
#include "cli/top_model.hpp"

struct screen;  // of ncurses

namespace leaselock::cli {

class TopScreen {
  public:
    // Nothing: standard input or output is no terminal, or none on which one can draw. A thread
    // that is in the background is stopped until it is in front.
    static std::unique_ptr<TopScreen> open();
    TopScreen(const TopScreen&) = delete;
    TopScreen& operator=(const TopScreen&) = delete;
    // The terminal is as it was.
    ~TopScreen();

    // Writes what has changed since it was last drawn.
    void draw(const TopModel& model, const TopControls& controls, Clock::time_point now) const;
    // The terminal is as it was, until renew() and the next draw.
    void leave() const;
    // The next draw writes everything, to a terminal that may have another size.
    void renew() const;
    // The next byte that was typed, if there is one; does not block. Keys that are no character are
    // left out, but for backspace and enter.
    [[nodiscard]] std::optional<char> key() const;
    // Whether nothing will be typed any more.
    [[nodiscard]] static bool is_gone();

  private:
    explicit TopScreen(screen* device) noexcept : device_{device} {}

    screen* device_;
};

}  // namespace leaselock::cli
