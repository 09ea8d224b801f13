// One signal out of several: it fires when one of those that it watches does, or by itself.
//
// Thread-safety: token() and what comes of it for all threads; the rest for its owner's thread.
// It may be destroyed by a callback of its own token.
#pragma once

#include <list>
#include <stop_token>

#include <leaselock/detail/origin.hpp>

namespace leaselock::detail {

// What the copy of a lock in a child says: nothing was held. Nobody can be listening yet. May throw
// bad_alloc.
[[nodiscard]] inline std::stop_token fired_token() {
    std::stop_source fired;
    fired.request_stop();
    return fired.get_token();
}

class LossSignal {
  public:
    LossSignal() = default;
    LossSignal(const LossSignal&) = delete;
    LossSignal& operator=(const LossSignal&) = delete;
    ~LossSignal() = default;

    // Fires at once if that one has fired. May throw bad_alloc.
    void watch(const std::stop_token& other) { passes_->emplace_back(other, Pass{source_}); }
    // In a child the callbacks are the parent's, and do not run.
    void fire() noexcept {
        if (!passes_.is_in_child()) source_.request_stop();
    }
    // May throw bad_alloc in a child.
    [[nodiscard]] std::stop_token token() const {
        return passes_.is_in_child() ? fired_token() : source_.get_token();
    }

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
    AtHome<std::list<std::stop_callback<Pass>>> passes_;
};

}  // namespace leaselock::detail
