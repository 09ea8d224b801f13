// One signal out of several: it fires when one of those that it watches does, or by itself.
//
// Thread-safety: token() and what comes of it for all threads; the rest for its owner's thread.
// It may be destroyed by a callback of its own token.
#pragma once

#include <list>
#include <stop_token>

namespace leaselock::detail {

class LossSignal {
  public:
    LossSignal() = default;
    LossSignal(const LossSignal&) = delete;
    LossSignal& operator=(const LossSignal&) = delete;
    ~LossSignal() = default;

    // Fires at once if that one has fired. May throw bad_alloc.
    void watch(const std::stop_token& other) { passes_.emplace_back(other, Pass{source_}); }
    void fire() noexcept { source_.request_stop(); }
    [[nodiscard]] std::stop_token token() const noexcept { return source_.get_token(); }

  private:
    struct Pass {
        std::stop_source source;
        // A callback may destroy this object, and the source with it.
        void operator()() const noexcept {
            std::stop_source kept = source;
            kept.request_stop();
        }
    };

    std::stop_source source_;
    std::list<std::stop_callback<Pass>> passes_;
};

}  // namespace leaselock::detail
