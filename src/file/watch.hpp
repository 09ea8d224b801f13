// Tells those who wait for locks of files that something has happened to one of them: the kernel
// tells us when anybody closes such a file, which the end of a process does, too.
//
// The kernel tells it just before it frees the locks that go with the file; so what cannot be seen
// yet is looked at again 0.1, 1 and 10 ms later. A listener is rung only if there is something for
// him, so that a hundred who wait do not all write to the file when the first gets the lock.
//
// Thread-safety: all calls from all threads at once. Listeners are called with its mutex held.
#pragma once

#include <cstddef>
#include <map>
#include <thread>
#include <unordered_map>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "file/descriptor.hpp"
#include "file/lock_file.hpp"

namespace leaselock::file {

class Watch {
  public:
    Watch() = default;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    // Waits for a call that is under way.
    ~Watch();

    // The listener is told from now on. False: nobody can tell him, and he has to look. Starts the
    // thread.
    [[nodiscard]] bool add(Listener& listener, const LockFile& file) noexcept;
    // Waits for a call that is under way.
    void forget(const Listener& listener) noexcept;

  private:
    struct Watched {
        LockFile file{};  // of its own: locks of one opening do not hold each other off
        std::vector<Listener*> listeners{};
    };
    using Number = int;  // of the kernel's, for a watched file

    [[nodiscard]] bool start() LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool add_new(Listener& listener, const LockFile& file) noexcept
        LEASELOCK_REQUIRES(mutex_);
    void drop(const Listener& listener) noexcept LEASELOCK_REQUIRES(mutex_);
    void drop_if_idle(Number number) noexcept LEASELOCK_REQUIRES(mutex_);
    void run() noexcept;
    [[nodiscard]] bool read_events() noexcept;
    void look_at(Number number, bool last) noexcept;
    void ring(Watched& watched, bool last) noexcept LEASELOCK_REQUIRES(mutex_);

    detail::Mutex mutex_;
    Descriptor events_;
    Descriptor bell_;  // ends the thread
    std::thread thread_;
    std::map<Number, Watched> watched_ LEASELOCK_GUARDED_BY(mutex_);
    std::unordered_map<const Listener*, Number> numbers_ LEASELOCK_GUARDED_BY(mutex_);
    std::vector<Number> recent_;  // the thread's: what is looked at again
};

}  // namespace leaselock::file
