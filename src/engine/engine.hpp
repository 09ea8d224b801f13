// The one thread that waits for what nobody else waits for: descriptors, points in time, and to be
// rung. There is one in each loaded copy of the library, whatever the number of managers and
// backends; it is made with its first user and joined when its last one goes. A child by fork makes
// one of its own.
//
// What it runs are the steps of tasks. A step must not block: whatever may take its time, such as a
// look-up, a connect or a user's callback, gets a thread of its own for that.
//
// Thread-safety: all calls from all threads at once, but what is said of a Task.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "base/descriptor.hpp"
#include "base/due_heap.hpp"

namespace leaselock::engine {

class LEASELOCK_EXPORT Engine {
  public:
    // Something that the engine drives. From add() to remove() the engine knows its address.
    class Task {
      public:
        Task() = default;
        Task(const Task&) = delete;
        Task& operator=(const Task&) = delete;
        virtual ~Task() = default;

      protected:
        // On the engine's thread, with nothing locked: it was rung, its time has come, or its
        // descriptor is ready; or none of these any more.
        virtual void step(Clock::time_point now) noexcept = 0;

      private:
        friend class Engine;

        std::uint32_t slot_ = 0;
        std::uint32_t index_ = 0;  // among those that wait for a time
        int fd_ = -1;
        bool is_added_ = false;
        bool is_timed_ = false;
        bool is_ready_ = false;
        Task* next_ = nullptr;  // that is ready
    };

    // The one of this process. Throws LockError{no_thread}: the system gives no thread, or no
    // descriptor; bad_alloc.
    [[nodiscard]] static std::shared_ptr<Engine> shared();
    // The same, and it has that task. Throws as shared() and add().
    [[nodiscard]] static std::shared_ptr<Engine> shared_with(Task& task);

    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // May throw bad_alloc; nothing has changed then.
    void add(Task& task);
    // No step of it begins any more, and none is under way when this returns, unless it is called
    // by that one. Its descriptor is not watched any more. Again changes nothing.
    void remove(Task& task) noexcept;

    // A step is due now; two calls before it begins make one step.
    void ring(Task& task) noexcept;
    // A step is due at that time of boot_clock(), in the place of the time that was set before.
    // max(): at none. The step itself takes its time away.
    void ring_at(Task& task, Clock::time_point when) noexcept;
    // The same at a time of another clock, as that one goes now.
    void ring_at(Task& task, Clock::time_point when, const Clock& of) noexcept {
        const bool is_ours = &of == clock_.get() || when == Clock::time_point::max();
        ring_at(task, is_ours ? when : clock_->now() + (when - of.now()));
    }

    // The task's descriptor, which is nonblocking or read without blocking, and stays open until
    // unwatch(). False: the system watches no more. For the owner of the task, one thread at a
    // time.
    [[nodiscard]] bool watch(Task& task, int fd) noexcept;
    // A step is due as soon as it can be read, or written; once: each step has to ask again.
    void await(Task& task, bool readable, bool writable) noexcept;
    void unwatch(Task& task) noexcept;

    // Whether the caller is its thread.
    [[nodiscard]] bool is_here() const noexcept {
        return thread_.get_id() == std::this_thread::get_id();
    }

  private:
    struct Slot {
        Task* task = nullptr;
        std::uint32_t uses = 0;  // distinguishes an event of the task before from one of this
    };

    [[nodiscard]] static std::uint32_t& index_of(Task& task) noexcept { return task.index_; }

    Engine();
    ~Engine() = default;
    // What the last user's pointer does: joins the thread. From a step, which cannot wait for
    // itself, the thread is left to end by itself.
    static void end(Engine* engine) noexcept;

    void run() noexcept;
    void wait() noexcept LEASELOCK_REQUIRES(mutex_);
    void collect(Clock::time_point now) noexcept LEASELOCK_REQUIRES(mutex_);
    void make_ready(Task& task) noexcept LEASELOCK_REQUIRES(mutex_);
    void ready_by(std::uint64_t event) noexcept LEASELOCK_REQUIRES(mutex_);
    void step_next(Clock::time_point now) noexcept LEASELOCK_REQUIRES(mutex_);
    void forget_time(Task& task) noexcept LEASELOCK_REQUIRES(mutex_);
    void set_timer(Clock::time_point due) noexcept LEASELOCK_REQUIRES(mutex_);
    // Whether its thread sleeps and has to be woken by the caller, which does that unlocked.
    [[nodiscard]] bool must_wake() noexcept LEASELOCK_REQUIRES(mutex_);
    void wake() noexcept;

    const detail::Origin origin_{};
    const std::shared_ptr<Clock> clock_ = boot_clock();
    const base::Descriptor epoll_;
    const base::Descriptor bell_;
    const base::Descriptor timer_;

    detail::Mutex mutex_;
    detail::Condition stepped_;
    std::vector<Slot> slots_ LEASELOCK_GUARDED_BY(mutex_);
    std::vector<std::uint32_t> free_slots_ LEASELOCK_GUARDED_BY(mutex_);
    detail::DueHeap<Task, index_of> timed_ LEASELOCK_GUARDED_BY(mutex_);
    Clock::time_point timer_set_ LEASELOCK_GUARDED_BY(mutex_) = Clock::time_point::max();
    Task* first_ready_ LEASELOCK_GUARDED_BY(mutex_) = nullptr;
    Task* last_ready_ LEASELOCK_GUARDED_BY(mutex_) = nullptr;
    Task* stepping_ LEASELOCK_GUARDED_BY(mutex_) = nullptr;
    int removers_ LEASELOCK_GUARDED_BY(mutex_) = 0;  // that wait for a step to end
    bool asleep_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool ending_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool is_alone_ LEASELOCK_GUARDED_BY(mutex_) = false;  // nobody joins the thread
    std::thread thread_;                                  // the last: it uses all of the above
};

}  // namespace leaselock::engine
