// Options of an object that outlives the call in which it got them: what they view is copied. Not
// for users.
//
// Thread-safety: constant once made.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <leaselock/lock_options.hpp>

namespace leaselock::detail {

class KeptOptions {
  public:
    explicit KeptOptions(const LockOptions& options)
        : options_{options}, backend_{options.backend}, key_template_{options.key_template} {}

    // As they were given. They view this object.
    [[nodiscard]] LockOptions value() const noexcept {
        LockOptions options = options_;
        options.backend = backend_;
        options.key_template = key_template_;
        return options;
    }
    // For a call that waits so long, or not at all.
    [[nodiscard]] LockOptions waiting(Duration time) const noexcept {
        LockOptions options = value();
        options.wait = time.value().count() > 0;
        options.wait_timeout.reset();
        if (options.wait) options.wait_timeout = time;
        return options;
    }
    // For one that waits as the options say, and for ever if they say nothing of it.
    [[nodiscard]] LockOptions waiting() const noexcept {
        LockOptions options = value();
        if (!options.wait && !options.wait_timeout) options.wait_timeout = forever;
        return options;
    }

  private:
    LockOptions options_;  // but for its views, which are of the caller's texts
    std::string backend_;
    std::string key_template_;
};

}  // namespace leaselock::detail
