// Standard input, of which nothing is wanted but its end.
//
// A pipe and a socket are not read: what is in them is for other processes that have them. The end
// of a terminal is a key, so it is read, and what is typed is dropped. Anything else, as /dev/null
// or a file, has no end to wait for.
//
// Thread-safety: none.
#pragma once

namespace leaselock::cli {

class Input {
  public:
    // None, whose end never comes.
    Input() = default;
    [[nodiscard]] static Input standard();

    // To poll, for these events; -1: there is no end to wait for.
    [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
    [[nodiscard]] short events() const noexcept { return events_; }
    // Does not block. A terminal from which we may not read, since we are in the background, is
    // given up: its end is not waited for any more.
    [[nodiscard]] bool has_ended() noexcept;

  private:
    int descriptor_ = -1;
    short events_ = 0;
};

}  // namespace leaselock::cli
