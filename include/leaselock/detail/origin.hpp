// Which process made an object, so that a copy of it in a child is known to be one. Not for users;
// see leaselock/copies.hpp.
//
// In a child the test comes before any mutex: one that another thread had locked at the time of the
// fork is locked for ever there.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include <leaselock/detail/export.hpp>

namespace leaselock::detail {

// Never 0: the upper half is another one in each process, the lower half behind each
// invalidate_copies(). Two loads, and no system call but for the first time in a process, unless
// the kernel cannot tell copies.
[[nodiscard]] LEASELOCK_EXPORT std::uint64_t process_mark() noexcept;

class Origin {
  public:
    // Made in a process before this one, or before invalidate_copies(): not to be used any more.
    [[nodiscard]] bool is_copied() const noexcept { return mark_ != process_mark(); }
    // Made in a process before this one: not to be touched, either.
    [[nodiscard]] bool is_in_child() const noexcept { return (mark_ ^ process_mark()) >> 32U != 0; }

  private:
    std::uint64_t mark_ = process_mark();
};

// Destroyed by nobody but the process that made it: in a copy its mutexes may be locked, its
// containers half changed, its threads are not there, and its sockets are the parent's.
template <class T>
class AtHome {
  public:
    template <class... Arguments>
    explicit AtHome(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {}
    AtHome(const AtHome&) = delete;
    AtHome& operator=(const AtHome&) = delete;
    ~AtHome() {
        if (!is_in_child()) std::destroy_at(&value_);
    }

    [[nodiscard]] bool is_in_child() const noexcept { return origin_.is_in_child(); }
    [[nodiscard]] T& operator*() noexcept { return value_; }
    [[nodiscard]] const T& operator*() const noexcept { return value_; }
    [[nodiscard]] T* operator->() noexcept { return &value_; }
    [[nodiscard]] const T* operator->() const noexcept { return &value_; }

  private:
    const Origin origin_{};
    union {
        T value_;
    };
};

}  // namespace leaselock::detail
