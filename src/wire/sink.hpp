// To what the bytes of a connection go: a parser of some protocol. Used by Stream and Tls.
//
// Thread-safety: one thread.
#pragma once

#include <string_view>

namespace leaselock::wire {

class Sink {
  public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    virtual void feed(std::string_view bytes) noexcept = 0;

  protected:
    ~Sink() = default;
};

}  // namespace leaselock::wire
