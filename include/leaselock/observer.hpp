// What a manager does: an Observer is notified of each event, LockStats counts them all.
//
//     struct Log final : leaselock::Observer {
//         void on_lost(const leaselock::LockEvent& event) override { std::cerr << event.key; }
//     };
//     leaselock::LockManager locks{{.observer = std::make_shared<Log>()}};
//
// An observer runs on a thread of the manager that does nothing else than this and the callbacks of
// lost(). It may block, throw (what it throws is dropped) and use locks; renewals go on meanwhile.
// Events come in the order in which they were noted. If more than 65 536 wait for their turn,
// further ones are dropped and counted.
//
// Thread-safety: an observer is called by one thread at a time, and by several threads only if
// several managers have it. LockEvent and LockStats are plain values.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <leaselock/detail/export.hpp>
#include <leaselock/error.hpp>

namespace leaselock {

struct LockEvent {
    std::string key{};                   // without the manager's prefix
    std::string key_template{};          // LockOptions::key_template: a label for all such keys
    std::string owner{};                 // who we are; contended, force_released: who holds it, as
                                         // the store has it: not made printable()
    std::uint64_t fencing_token = 0;     // 0: none
    std::chrono::nanoseconds waited{0};  // acquired, contended, error: since the call
    std::chrono::nanoseconds held{0};    // renewed, lost, released, cleanup: since the grant
    Errc error{};                        // contended, lost, error: why. cleanup: of the last try
    int attempts = 0;                    // cleanup: how many releases were sent
};

class LEASELOCK_EXPORT Observer {
  public:
    Observer() = default;
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    virtual ~Observer() = default;

    // A call got the lock.
    virtual void on_acquired(const LockEvent& /*event*/) {}
    // A call ended without the lock, since others hold it.
    virtual void on_contended(const LockEvent& /*event*/) {}
    virtual void on_renewed(const LockEvent& /*event*/) {}
    // The holder does not hold any more, and did not release. Once for a lock; after on_released,
    // if only the answer to the release shows that the store had taken it away before.
    virtual void on_lost(const LockEvent& /*event*/) {}
    // A function under DISTRIBUTED_LOCK has ended, and its lock was lost before: what it did since
    // may not have been alone. Once for a call, after on_lost.
    virtual void on_ended_after_loss(const LockEvent& /*event*/) {}
    // The holder released it. Whether that has arrived is another question; see on_cleanup.
    virtual void on_released(const LockEvent& /*event*/) {}
    // A call failed, or a renewal did, which will be tried again.
    virtual void on_error(const LockEvent& /*event*/) {}
    // A release whose outcome was not known has been settled; or, with error not 0, was given up
    // with its manager, and the lock is left to its ttl.
    virtual void on_cleanup(const LockEvent& /*event*/) {}
    // This manager freed a lock by force_release. `owner` is who held it, and `fencing_token` at
    // least the holder's; there are no times.
    virtual void on_force_released(const LockEvent& /*event*/) {}
    // A lock macro named no manager, in this process, and the default manager was set by nobody:
    // the lock excludes threads of this process alone. Once for each manager that is observed,
    // before its next event. The event has the names of the first such lock.
    virtual void on_default_unset(const LockEvent& /*event*/) {}
};

// How often something took how long. Bucket i counts what took less than upper_bound(i) and not
// less than upper_bound(i - 1); the last one has no upper bound.
struct Histogram {
    static constexpr std::size_t size = 40;

    // Of bucket i.
    [[nodiscard]] static constexpr std::chrono::nanoseconds upper_bound(std::size_t i) noexcept {
        return std::chrono::nanoseconds{std::int64_t{1} << (i + 8)};
    }
    // That of what took so long.
    [[nodiscard]] static constexpr std::size_t bucket_of(std::chrono::nanoseconds took) noexcept {
        const auto ns = static_cast<std::uint64_t>(took.count() < 0 ? 0 : took.count());
        const std::size_t i = static_cast<unsigned>(std::bit_width(ns >> 8U));
        return i < size ? i : size - 1;
    }
    constexpr void add(std::chrono::nanoseconds took) noexcept {
        ++counts[bucket_of(took)];
        if (took.count() > 0) total += took;
    }
    constexpr Histogram& operator+=(const Histogram& other) noexcept {
        for (std::size_t i = 0; i < size; ++i) counts[i] += other.counts[i];
        total += other.total;
        return *this;
    }

    std::array<std::uint64_t, size> counts{};
    std::chrono::nanoseconds total{0};
};

// What a manager has done since it was made, and what is under way.
struct LockStats {
    std::uint64_t acquired = 0;
    std::uint64_t handed_over = 0;  // of these, by a release, to this waiter
    std::uint64_t contended = 0;    // calls that ended without the lock, since others hold it
    std::uint64_t failed = 0;       // calls that ended with a LockError of the backend
    std::uint64_t renewed = 0;
    std::uint64_t renewals_failed = 0;  // tries that were not answered by yes or no
    std::uint64_t lost = 0;             // also such as only the answer to the release showed
    std::uint64_t released = 0;         // by their holders, delivered or not
    std::uint64_t cleanups = 0;         // releases of unknown outcome that were settled
    std::uint64_t held_now = 0;
    std::uint64_t cleanups_now = 0;    // releases of unknown outcome that are not settled
    std::uint64_t events_dropped = 0;  // the observer was too slow for them
    std::uint64_t reconnects = 0;      // of its backends: connections that replaced another
    Histogram wait;                    // from the call to the grant
    Histogram hold;                    // from the grant to the release or the loss

    constexpr LockStats& operator+=(const LockStats& other) noexcept {
        acquired += other.acquired;
        handed_over += other.handed_over;
        contended += other.contended;
        failed += other.failed;
        renewed += other.renewed;
        renewals_failed += other.renewals_failed;
        lost += other.lost;
        released += other.released;
        cleanups += other.cleanups;
        held_now += other.held_now;
        cleanups_now += other.cleanups_now;
        events_dropped += other.events_dropped;
        reconnects += other.reconnects;
        wait += other.wait;
        hold += other.hold;
        return *this;
    }
};

// The same for the locks of one key template. What is not known by template is 0: cleanups_now,
// events_dropped, reconnects.
struct TemplateStats {
    std::string key_template;  // LockOptions::key_template; empty: of calls without one
    LockStats stats;
};

// How many templates are counted by themselves. What comes beyond counts as this one, and so do
// templates of more than 512 bytes and such as are not UTF-8.
inline constexpr std::size_t max_templates = 256;
inline constexpr std::string_view other_templates = "other";

}  // namespace leaselock
