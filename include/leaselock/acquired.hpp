// What an acquisition gives: a guard, or nothing. It has the face of a std::optional of the guard,
// and does not compile where that would hold no lock. A guard that has no name releases at the end
// of its statement, so a temporary cannot be asked, only named, moved or unpacked:
//
//     if (auto lock = locks.acquire("key")) { ... }               held until the end of the block
//     while (!(lock = locks.try_acquire("key"))) { ... }          held as long as `lock` is there
//     auto lock = locks.acquire("key", {.wait = true}).value();   a guard, or LockNotAcquired
//     if (locks.acquire("key")) { ... }                           does not compile
//
// A temporary converts to a std::optional of the guard, for code that keeps one.
//
// Thread-safety: as the guard: one object, one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <leaselock/detail/export.hpp>

namespace leaselock {

namespace detail {

struct Failure;

// Why there is no guard. Copied without throwing.
class LEASELOCK_EXPORT NotAcquired {
  public:
    NotAcquired() noexcept = default;
    // May throw bad_alloc.
    explicit NotAcquired(Failure&& failure);
    // What is being handled in a catch. May throw bad_alloc.
    [[nodiscard]] static NotAcquired by_exception();

    // Throws LockNotAcquired, or what else was the cause where that was given as a code.
    [[noreturn]] void raise() const;

  private:
    std::shared_ptr<const Failure> failure_{};  // null: nobody said why
};

}  // namespace detail

template <class Guard>
class [[nodiscard]] Acquired {
  public:
    using value_type = Guard;

    Acquired() noexcept = default;
    // NOLINTBEGIN(google-explicit-constructor): what is returned, and compared, as with optionals.
    Acquired(std::nullopt_t) noexcept {}
    Acquired(Guard&& guard) noexcept : guard_{std::move(guard)} {}
    Acquired(detail::NotAcquired why) noexcept : why_{std::move(why)} {}
    operator std::optional<Guard>() && noexcept { return std::move(guard_); }
    // NOLINTEND(google-explicit-constructor)

    // Whether there is a guard. Whether that still holds the lock is for the guard to say.
    [[nodiscard]] explicit operator bool() const& noexcept { return guard_.has_value(); }
    [[nodiscard]] bool has_value() const& noexcept { return guard_.has_value(); }
    [[nodiscard]] friend bool operator==(const Acquired& lock, std::nullopt_t) noexcept {
        return !lock.guard_;
    }
    // Of a guard that is there.
    [[nodiscard]] Guard& operator*() & noexcept { return *guard_; }
    [[nodiscard]] const Guard& operator*() const& noexcept { return *guard_; }
    [[nodiscard]] Guard* operator->() & noexcept { return &*guard_; }
    [[nodiscard]] const Guard* operator->() const& noexcept { return &*guard_; }

    // Compilers quote these lines, with their advice.
    // clang-format off
    explicit operator bool() const&& = delete;  // a lock without a name is released at once: write if (auto lock = ...)
    bool has_value() const&& = delete;  // a lock without a name is released at once: write auto lock = ...
    const Guard& operator*() const&& = delete;  // a lock without a name may be none: write .value()
    const Guard* operator->() const&& = delete;  // a lock without a name may be none: write .value()
    friend bool operator==(const Acquired&&, std::nullopt_t) = delete;  // a lock without a name is released at once: write auto lock = ...
    // clang-format on

    // The guard. Throws LockNotAcquired, which says who holds the lock, if there is none; or what
    // else was the cause, where the acquisition gave that as a code.
    [[nodiscard]] Guard& value() & { return guard_ ? *guard_ : refuse(); }
    [[nodiscard]] const Guard& value() const& { return guard_ ? *guard_ : refuse(); }
    [[nodiscard]] Guard value() && { return std::move(guard_ ? *guard_ : refuse()); }

    // Releases what is held, as the guard's destructor does.
    void reset() noexcept { guard_.reset(); }

    // Nothing, and why, for another kind of guard.
    [[nodiscard]] const detail::NotAcquired& why() const& noexcept { return why_; }

  private:
    [[noreturn]] Guard& refuse() const { why_.raise(); }

    std::optional<Guard> guard_{};
    detail::NotAcquired why_{};
};

}  // namespace leaselock
