// What a Client knows of a session, and of each owner token that may have something at the cluster.
//
// Thread-safety: none.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

#include "hazelcast/frame.hpp"

namespace leaselock::hazelcast {

// All locks of a backend hang on the session under which they were acquired.
struct Session {
    std::uint64_t id = 0;
    std::chrono::milliseconds ttl{0};
    std::chrono::milliseconds interval{0};
    Clock::time_point valid_until{};  // at least so long, as its newest answered heartbeat says
    Clock::time_point next_beat{};
    int uses = 0;             // claimants that are of use, or whose unlock has no answer yet
    int grants = 0;           // ever
    bool is_beating = false;  // a heartbeat is not answered yet
    bool is_dead = false;

    // Whether a lease that is granted now lasts for long.
    [[nodiscard]] bool is_fresh(Clock::time_point now) const noexcept {
        return now < valid_until - ttl / 2;
    }
};

// An owner token at a key, from its first try until it is left: a thread of its session to the
// cluster. When the token wants something again after that it is another claimant, and another
// thread, so that nothing that was sent for this one can give it a lock or take it away.
struct Claimant : std::enable_shared_from_this<Claimant> {
    Claimant(std::string_view its_key, std::string_view its_token, std::string its_lock,
             std::uint64_t its_thread);
    Claimant(const Claimant&) = delete;
    Claimant& operator=(const Claimant&) = delete;
    ~Claimant() = default;

    const std::string key;
    const std::string token;
    const std::string lock;  // the key's name at the cluster
    const std::uint64_t thread;

    std::shared_ptr<Session> session{};  // null: it has tried nothing yet
    bool is_use = false;                 // of that session
    Uuid call{};                         // of its newest try, or of its wait
    bool is_open = false;                // the try was not answered: the next is a copy of it
    bool is_held = false;
    bool has_expired = false;  // it was held until its session ended, and nobody has heard of that
    std::uint64_t fence = 0;
    Clock::time_point lease_ends{};

    // A tryLock that waits at the cluster is its entry in the queue there.
    bool is_parked = false;
    std::uint64_t parked_by = 0;  // the correlation of the call; 0: it was lost with a connection
    int unanswered = 0;           // tries and waits of this connection
    Clock::time_point entry_ends{};
    Listener* listener = nullptr;
    Clock::time_point poll_sent{};  // the newest answered one

    // It shall have nothing any more: unlocked again and again until it is certain.
    bool is_leaving = false;
    int unlocking = 0;           // unlocks of ours that are not answered yet
    bool unlocks_again = false;  // what was granted meanwhile is to be unlocked after these
    bool is_given_up = false;    // for want of a renewal: a release finds that it is lost
    Uuid unlock_call{};          // of the unlock that is not answered yet; else none
    Clock::time_point next_unlock{};
    // Until then a try or a wait may still run that was lost with its connection.
    Clock::time_point late_until{};
    bool is_retired = false;  // its token goes on as another

    Clock::time_point due = Clock::time_point::max();  // something of it; max(): nothing
    std::uint32_t due_index = 0;                       // in the heap of those
    int pending = 0;                                   // operations of its own

    [[nodiscard]] Clock::time_point next_due() const noexcept;
    // Whether it has nothing at the cluster, wants nothing, and will have nothing either.
    [[nodiscard]] bool is_idle() const noexcept {
        return !(is_open || is_held || has_expired || is_parked || is_leaving || pending > 0 ||
                 unanswered > 0 || late_until != Clock::time_point{});
    }
};

// 64 bits of the random half of a token.
[[nodiscard]] std::uint64_t thread_of(std::string_view token) noexcept;

// The holder of a lock, where it is no token of ours: a text of the form of a token.
[[nodiscard]] std::string stranger(std::uint64_t session, std::uint64_t thread);
// What such a text says; false: it is none.
[[nodiscard]] bool read_stranger(std::string_view token, std::uint64_t& session,
                                 std::uint64_t& thread) noexcept;

}  // namespace leaselock::hazelcast
