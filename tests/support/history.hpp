// What holders of locks said, written down while a test runs, by any number of threads and
// processes of one machine: all have the one CLOCK_BOOTTIME, so what history_check.hpp makes of it
// is exact.
//
// A holder has been granted its lock by the time at which acquire returned, and when owns_lock() or
// ensure() says yes later, it says that it held ever since: no lease is ever granted twice. That
// yes was true at some moment after the question was asked. So what a holder asserts for certain
// reaches from the answer of its acquire to the last question that was answered by yes.
//
// Thread-safety: a History may be used by all threads at once, a RecordedLock by one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/lock_manager.hpp>

namespace leaselock::support {

// One grant, and what its holder said of it.
struct Holding {
    std::string key;
    std::string holder;  // no other grant of the history has the same
    std::uint64_t fence = 0;
    Clock::time_point asked;     // acquire was called
    Clock::time_point answered;  // acquire returned
    // When the holder was asked for the last time of those when it said yes. Nothing: it never did.
    std::optional<Clock::time_point> last_yes{};
    Claim claim{};
};

// A file to which each event is appended by one write, as one line. So nothing of others is lost
// when a process is killed, and at most its own last event.
class History {
  public:
    // Each process opens the same file for itself. Throws std::system_error.
    explicit History(const std::string& path);
    History(const History&) = delete;
    History& operator=(const History&) = delete;
    ~History();

    // Notes a grant and gives the name of its holder.
    std::string granted(std::string_view key, std::uint64_t fence, Clock::time_point asked,
                        Clock::time_point answered, Claim claim = {});
    // Notes that the holder said yes to what it was asked at that time, or later.
    void said_yes(const std::string& holder, Clock::time_point asked);

    // All events so far, of all processes. Throws std::runtime_error if the file is no history.
    [[nodiscard]] std::vector<Holding> read() const;

  private:
    void append(const std::string& event) const;

    std::string path_;
    int fd_ = -1;
};

// A lock whose grant is noted, and each yes.
class RecordedLock {
  public:
    // As LockManager::acquire.
    static std::optional<RecordedLock> acquire(History& history, LockManager& locks,
                                               std::string_view key, const LockOptions& options,
                                               std::error_code& ec);

    // As those of the lock.
    [[nodiscard]] bool owns_lock();
    void ensure(std::error_code& ec);

    [[nodiscard]] ScopedDistributedLock& lock() noexcept { return lock_; }

  private:
    RecordedLock(History& history, ScopedDistributedLock lock, Clock::time_point asked,
                 Claim claim);

    History* history_;
    ScopedDistributedLock lock_;
    std::string holder_;
};

}  // namespace leaselock::support
