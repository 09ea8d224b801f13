// Operations that were completed, for the task that deals with them: put in on whatever thread
// completes them, taken out on one.
//
// Thread-safety: add() from all threads at once; it is over when the destructor returns. The rest
// is for the thread that takes.
#pragma once

#include <utility>

#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>

namespace leaselock::detail {

class Answers {
  public:
    struct Item {
        Item* next = nullptr;
    };

    explicit Answers(Alarm& alarm) noexcept : alarm_{alarm} {}
    Answers(const Answers&) = delete;
    Answers& operator=(const Answers&) = delete;
    ~Answers() { const MutexLock lock{mutex_}; }

    // The task may take the item, and destroy it, before this returns.
    void add(Item& item) noexcept {
        const MutexLock lock{mutex_};
        const bool is_first = first_ == nullptr;
        item.next = nullptr;
        (is_first ? first_ : last_->next) = &item;
        last_ = &item;
        if (is_first && !is_attended_) alarm_.ring();
    }
    // All that came, in its order, as a list.
    [[nodiscard]] Item* take() noexcept {
        const MutexLock lock{mutex_};
        return std::exchange(first_, nullptr);
    }
    // Whether the task comes by itself soon, and need not be rung. Answers whether something is
    // there.
    bool attend(bool is_attended) noexcept {
        const MutexLock lock{mutex_};
        is_attended_ = is_attended;
        return first_ != nullptr;
    }

  private:
    Alarm& alarm_;
    Mutex mutex_;
    Item* first_ LEASELOCK_GUARDED_BY(mutex_) = nullptr;
    Item* last_ LEASELOCK_GUARDED_BY(mutex_) = nullptr;
    bool is_attended_ LEASELOCK_GUARDED_BY(mutex_) = false;
};

}  // namespace leaselock::detail
