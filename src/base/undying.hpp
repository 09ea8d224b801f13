// An object with static storage that is never destroyed. Statics end in the reverse order in which
// they were made, and ours are made when they are first used: so a program's own static, made
// before, would find ours gone when it releases a lock in its destructor. What is left at the end
// is memory that the process reaches, and no leak.
//
// Thread-safety: as the object.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace leaselock::detail {

template <class T>
class Undying {
  public:
    template <class... Arguments>
    explicit Undying(Arguments&&... arguments)
        : object_{::new (storage_) T(std::forward<Arguments>(arguments)...)} {}
    Undying(const Undying&) = delete;
    Undying& operator=(const Undying&) = delete;
    ~Undying() = default;

    [[nodiscard]] const T& operator*() const noexcept { return *object_; }

  private:
    alignas(T) std::byte storage_[sizeof(T)];
    T* object_;
};

}  // namespace leaselock::detail
