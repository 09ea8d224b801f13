// Notifies the waiters for locks of files: of a hand-off, by what others write to our member,
// and of the end of a process that stands before them, by the hang-up of that process' member. So
// what happens to other waiters, or at other keys, wakes nobody.
//
// Thread-safety: all calls from all threads at once. Listeners are called with its mutex held, and
// their threads go on when it is unlocked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "file/descriptor.hpp"
#include "file/member.hpp"

namespace leaselock::file {

// What one member writes to another. With a fencing token of 0: there is something new at the key.
[[nodiscard]] std::string message_for(std::string_view token, const HandOff& what);

class Notifications {
  public:
    Notifications() = default;
    Notifications(const Notifications&) = delete;
    Notifications& operator=(const Notifications&) = delete;
    // Waits for a call that is under way.
    ~Notifications();

    // From now on the listener is notified of what is written to `self`, and of a hang-up of those
    // that stand before it. False: it cannot be, and has to poll. Starts the thread.
    [[nodiscard]] bool add(Listener& listener, const std::shared_ptr<const Member>& self,
                           std::vector<Descriptor> before) noexcept;
    // Waits for a call that is under way.
    void forget(const Listener& listener) noexcept;

  private:
    using Number = std::uint64_t;  // of what the kernel watches for us
    static constexpr Number bell_number = 0;
    static constexpr Number self_number = 1;
    struct Waiting {
        Listener* listener;
        std::vector<Number> before{};
    };
    using All = std::map<std::string_view, Waiting>;  // by token
    struct Watched {
        Descriptor fd;
        std::string_view token;
    };

    [[nodiscard]] bool start() LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool hear(const std::shared_ptr<const Member>& self) LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool watch_all(Waiting& waiting, std::vector<Descriptor> before)
        LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] bool control(int what, int fd, Number number, std::uint32_t events)
        LEASELOCK_REQUIRES(mutex_);
    void let_go(Waiting& waiting) noexcept LEASELOCK_REQUIRES(mutex_);
    void drop(All::iterator waiting) noexcept LEASELOCK_REQUIRES(mutex_);
    void run() noexcept;
    [[nodiscard]] std::shared_ptr<const Member> self() noexcept;
    void read_messages() noexcept;
    WakeUp deliver(std::string_view line) noexcept;
    WakeUp hung_up(Number number) noexcept;

    detail::Mutex mutex_;
    Descriptor events_;
    Descriptor bell_;  // ends the thread
    std::thread thread_;
    std::shared_ptr<const Member> self_ LEASELOCK_GUARDED_BY(mutex_);
    std::string unread_;  // the thread's own: the beginning of a message
    All all_ LEASELOCK_GUARDED_BY(mutex_);
    std::map<Number, Watched> watched_ LEASELOCK_GUARDED_BY(mutex_);
    Number last_number_ LEASELOCK_GUARDED_BY(mutex_) = self_number;
};

}  // namespace leaselock::file
