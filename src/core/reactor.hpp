// The thread that drives what no thread blocks for: acquisitions and releases of coroutines and
// callbacks. What its tasks want at the same time leaves in few writes for each backend; each goes
// on when its own answer is there. A task's continuation, which is user code, runs on this thread
// unless it says otherwise; so renewals, clean-up and losses have threads of their own.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "base/due_heap.hpp"
#include "core/outbox.hpp"

namespace leaselock::detail {

class Reactor {
  public:
    // Where a task goes on when it is done.
    struct Continuation {
        void (*run)(void* context, void* what) = nullptr;
        void* context = nullptr;
        void* what = nullptr;
    };

    // Something that goes on in steps. From add() to finish() it belongs to the reactor.
    class Task : private Completion {
      public:
        Task(const Task&) = delete;
        Task& operator=(const Task&) = delete;
        virtual ~Task() = default;

        Continuation continuation{};  // before add()

      protected:
        Task() = default;

        // What it waits for: the answer to an operation, which is submitted then; a time, or to be
        // rung; or nothing any more.
        struct Wait {
            Operation* operation = nullptr;
            Backend* backend = nullptr;
            Clock::time_point until{};
            bool done = false;
        };
        // What it waited for has come. On the reactor's thread, with nothing locked. `give_up`:
        // its caller does not want it any more, or the manager goes away.
        virtual Wait step(Clock::time_point now, bool give_up) noexcept = 0;

      private:
        friend class Reactor;
        void completed(Operation& /*operation*/) noexcept final { reactor_->answered(*this); }

        // `woken` is ready, too, after a wait.
        enum class State : std::uint8_t { outside, ready, woken, stepping, waiting, flying, done };

        State state_ = State::outside;
        bool rung_ = false;  // while it was awake: its next wait is over at once
        bool abandoned_ = false;
        bool interrupted_ = false;
        std::uint32_t index_ = 0;  // among those that wait for a time
        Task* next_ = nullptr;
        Reactor* reactor_ = nullptr;
        // Under way.
        Operation* operation_ = nullptr;
        Backend* backend_ = nullptr;
    };

    // Whether the calling thread is that of a Reactor: a wait there waits for those that it
    // has to resume.
    [[nodiscard]] static bool is_this_thread() noexcept;

    explicit Reactor(std::shared_ptr<Clock> clock) noexcept : clock_{std::move(clock)} {}
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;
    // Waits for a thread that has just completed the last operation.
    ~Reactor() { const MutexLock lock{mutex_}; }

    // False: the system gives no thread. Again is fine. May throw bad_alloc.
    [[nodiscard]] static bool start(const std::shared_ptr<Reactor>& self);
    // All tasks give up; waits for them, at most until `deadline`. Then the thread is left to
    // itself.
    void stop(Clock::time_point deadline) noexcept;

    // Takes the task, which is done when its continuation runs. False: stopped, and it is left
    // where it was. May throw bad_alloc.
    [[nodiscard]] bool add(Task& task);
    // Something came for that task: a step is due. Nothing for one that is done, or not added. The
    // thread goes on as the WakeUp is destroyed.
    WakeUp ring(Task& task) noexcept;
    // The same; and an operation that is under way, or will be, is soon cancelled.
    WakeUp interrupt(Task& task) noexcept;
    // Nobody wants it any more: its continuation does not run, and it is destroyed when it is done.
    // In a child it is left where it is.
    void abandon(Task* task) noexcept;

  private:
    struct List {
        Task* first = nullptr;
        Task* last = nullptr;
    };
    [[nodiscard]] static std::uint32_t& index_of(Task& task) noexcept { return task.index_; }

    void run() noexcept;
    void make_ready(Task& task) noexcept LEASELOCK_REQUIRES(mutex_);
    void answered(Task& task) noexcept;
    void collect(Clock::time_point now) noexcept LEASELOCK_REQUIRES(mutex_);
    // When the operation that is under way is cancelled.
    [[nodiscard]] static Clock::time_point end_of_flight(const Task& task) noexcept;
    void advance(Task& task) noexcept LEASELOCK_REQUIRES(mutex_);
    void send(Task& task, Operation& operation, Backend& backend) noexcept
        LEASELOCK_REQUIRES(mutex_);
    void submit() noexcept LEASELOCK_REQUIRES(mutex_);
    void finish(Task& task) noexcept LEASELOCK_REQUIRES(mutex_);
    void wait() noexcept LEASELOCK_REQUIRES(mutex_);

    const Origin origin_{};
    const std::shared_ptr<Clock> clock_;
    Waker waker_{Waker::Thread::of_library};
    std::stop_source stopped_;
    mutable Mutex mutex_;
    std::thread thread_ LEASELOCK_GUARDED_BY(mutex_);
    bool stopping_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::size_t tasks_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    List ready_ LEASELOCK_GUARDED_BY(mutex_);
    DueHeap<Task, index_of> waiting_ LEASELOCK_GUARDED_BY(mutex_);
    // Those whose operations are under way, each under the time at which that is cancelled.
    DueHeap<Task, index_of> flying_ LEASELOCK_GUARDED_BY(mutex_);
    Outbox outbox_;  // the thread's own
};

}  // namespace leaselock::detail
