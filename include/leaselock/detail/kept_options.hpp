// Options of an object that outlives the call in which it got them: what they view is copied. Not
// for users.
//
// Thread-safety: constant once made.
#pragma once

#include <string>

#include <leaselock/lock_options.hpp>

namespace leaselock::detail {

class KeptOptions {
  public:
    explicit KeptOptions(const LockOptions& options) : backend_{options.backend}, value_{options} {
        value_.backend = backend_;
    }
    KeptOptions(const KeptOptions&) = delete;
    KeptOptions& operator=(const KeptOptions&) = delete;
    ~KeptOptions() = default;

    [[nodiscard]] const LockOptions& value() const noexcept { return value_; }
    // For a call that waits so long, or not at all.
    [[nodiscard]] LockOptions waiting(Duration time) const noexcept {
        LockOptions options = value_;
        options.wait = time.value().count() > 0;
        options.wait_timeout.reset();
        if (options.wait) options.wait_timeout = time;
        return options;
    }
    // For one that waits as the options say, and for ever if they say nothing of it.
    [[nodiscard]] LockOptions waiting() const noexcept {
        LockOptions options = value_;
        if (!options.wait && !options.wait_timeout) options.wait_timeout = forever;
        return options;
    }

  private:
    const std::string backend_;
    LockOptions value_;
};

}  // namespace leaselock::detail
