// Everything that can go wrong, in four families that are never mixed up, and a fifth for a holder:
//
//   contended    somebody else holds the lock. Ordinary; not a failure.
//   refused      the request is wrong, or is not allowed. Trying again does not help.
//   unavailable  the backend could not serve, and nothing happened there.
//   unknown      a command was sent and its answer never came: it may have happened.
//   lost         the holder does not hold any more.
//
// A code answers both questions, `ec == Errc::held` and `ec == Family::contended`, and maps to the
// nearest std::errc. Values are fixed: they are part of the interface and are never used again.
//
// Thread-safety: codes and categories may be used from all threads at once; an exception object is
// immutable and may be copied from all threads at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

#include <leaselock/detail/export.hpp>

namespace leaselock {

enum class Errc : int {
    // contended
    held = 101,            // another holder has it, and the call does not wait
    wait_timed_out = 102,  // another holder had it until the wait was over
    cancelled = 103,       // the wait was ended by its std::stop_token
    // refused
    invalid_key = 201,            // empty, too long, or with a byte that no key may have
    invalid_option = 202,         // a value out of its range; the text names field, value and range
    unknown_backend = 203,        // no backend is registered under that name
    registry_frozen = 204,        // a backend was registered or made default after the first use
    invalid_url = 205,            // the URL does not parse, or has an option that is not known
    invalid_template = 206,       // a run-time key template, or its values, are wrong
    authentication_failed = 207,  // no password, or a wrong one
    access_denied = 208,          // the user lacks a right that the scripts, or the files, need
    corrupt = 209,                // something that is not a lock lies under the key; left alone
    not_supported = 210,          // the server, or the system, lacks what is needed
    tls_failed = 211,             // no TLS with that server: its certificate, its version, ours
    forked = 212,                 // the manager or backend was made before a fork
    conflicting_use = 213,        // the key has another number of shares now, or another kind
    directory_unusable = 214,     // a lock directory that is full, read-only, missing or damaged
    not_promised = 215,           // the store promises less than the call requires
    would_deadlock = 216,         // a call that waits, on the thread that resumes coroutines
    unknown_master = 217,         // no Sentinel knows a master of that name
    // unavailable
    connect_failed = 301,       // no connection within the time-out
    loading = 302,              // the server is reading its data, or lost its master
    read_only = 303,            // the server is a replica
    out_of_memory = 304,        // the server is at its maxmemory; the kernel, or we, have none
    not_enough_replicas = 305,  // min-replicas-to-write is not met
    busy = 306,                 // somebody's long script, or a process that was paused inside
    misconfigured = 307,        // the server cannot persist and refuses writes
    too_many_clients = 308,     // the server is at its maxclients; no descriptor is left
    cluster_down = 309,         // the cluster node does not serve this slot now
    stale = 310,                // the command arrived after the time for which it was meant
    granted_too_late = 311,     // the grant took so long that nothing of the lease was left
    too_many_cleanups = 312,    // max_cleanups locks are owed a release that is not delivered yet
    no_thread = 313,            // a thread of the library cannot be started
    too_many_in_flight = 314,   // max_in_flight commands wait for their answers already
    sentinels_disagree = 315,   // they name different masters, and none is the newer one
    not_replicated = 316,       // too few replicas acknowledged it; it is released again
    // unknown
    command_timed_out = 401,  // sent, and no answer in time
    connection_lost = 402,    // sent, and the connection broke before the answer
    protocol_error = 403,     // the answer cannot be read, or is none that the request can have
    unexpected_reply = 404,   // the answer is an error that is not listed here
    // lost
    lost = 501,             // the lease ended, or the lock is not ours any more
    fenced_off = 502,       // the resource has seen a later holder's fencing token, or this is none
    session_expired = 503,  // the session with the store has ended, and with it all its locks
};

// The families of the codes: the hundreds of the value.
enum class Family : int { contended = 1, refused = 2, unavailable = 3, unknown = 4, lost = 5 };

[[nodiscard]] constexpr Family family(Errc code) noexcept {
    return static_cast<Family>(static_cast<int>(code) / 100);
}

// "leaselock" and "leaselock.family". Never fail, never block.
[[nodiscard]] LEASELOCK_EXPORT const std::error_category& error_category() noexcept;
[[nodiscard]] LEASELOCK_EXPORT const std::error_category& family_category() noexcept;

[[nodiscard]] inline std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}
[[nodiscard]] inline std::error_condition make_error_condition(Family family) noexcept {
    return {static_cast<int>(family), family_category()};
}

// Base of all that leaselock throws, so that one handler can take them all. `code()` is the Errc,
// `what()` says in words what was asked, what went wrong and where the limits are. Passwords and
// owner tokens are never in it, and what others put into it, as the name of a holder or the words
// of a server, is made printable().
class LEASELOCK_EXPORT Error : public std::system_error {
  public:
    Error(std::error_code code, std::string_view text);
    explicit Error(std::error_code code) : std::system_error(code) {}
};

// Refused, unavailable or unknown: the call could not find out, or could not be served.
class LEASELOCK_EXPORT LockError : public Error {
  public:
    // A code, and what was asked.
    using Error::Error;
};

// Contended. Thrown by guards and macros; LockManager::acquire answers with an empty optional.
class LEASELOCK_EXPORT LockNotAcquired : public Error {
  public:
    enum class Reason { held, timed_out, cancelled };

    // `limit`: what ended a wait that took `waited`; empty if the call did not wait.
    LockNotAcquired(Errc code, std::string_view key, std::string_view owner,
                    std::chrono::milliseconds remaining, std::chrono::milliseconds waited = {},
                    std::string_view limit = {});

    // The same as code(), for a switch.
    [[nodiscard]] Reason reason() const noexcept;
    // The key without the manager's prefix.
    [[nodiscard]] const std::string& key() const noexcept { return holder_->key; }
    // Its holder when it was last inspected, as the store has it: not made printable(). Empty
    // where other software holds it.
    [[nodiscard]] const std::string& owner() const noexcept { return holder_->owner; }
    // How long the holder's lease had to run then; 0 where it was not seen.
    [[nodiscard]] std::chrono::milliseconds remaining() const noexcept {
        return holder_->remaining;
    }
    // How long the call waited, and which option ended that, "retry_count 3 x retry_delay 100 ms"
    // or "wait_timeout 2000 ms"; 0 and empty if it did not wait.
    [[nodiscard]] std::chrono::milliseconds waited() const noexcept { return holder_->waited; }
    [[nodiscard]] const std::string& limit() const noexcept { return holder_->limit; }

  private:
    struct Holder {
        std::string key;
        std::string owner;
        std::chrono::milliseconds remaining;
        std::chrono::milliseconds waited;
        std::string limit;
    };
    std::shared_ptr<const Holder> holder_;  // shared, so that a copy cannot throw
};

// The holder does not hold any more: its lease ended, or somebody took the key away, or a resource
// has seen the token of a later holder.
class LEASELOCK_EXPORT LockLost : public Error {
  public:
    enum class Cause {
        not_held,  // by this guard, or on this thread: released, moved from, or never acquired
        expired,   // the lease ended before a renewal was answered, or at its max_hold
        taken,     // the store has it no more as ours, or the manager has ended
        fenced,    // a resource has seen the token of a later holder
        session_expired,  // the session with the store has ended, and with it all its locks
    };

    explicit LockLost(std::string_view key);
    // `ago`: how long it has been lost. Errc::session_expired for that cause, else Errc::lost.
    LockLost(std::string_view key, Cause cause, std::chrono::milliseconds ago);
    // Errc::fenced_off: `token` was refused by a resource that has seen `newest`.
    LockLost(std::uint64_t token, std::uint64_t newest);

    [[nodiscard]] Cause cause() const noexcept { return cause_; }
    // Since when, as of the throw. 0 for not_held and fenced.
    [[nodiscard]] std::chrono::milliseconds ago() const noexcept { return ago_; }

  private:
    Cause cause_ = Cause::not_held;
    std::chrono::milliseconds ago_{0};
};

}  // namespace leaselock

template <>
struct std::is_error_code_enum<leaselock::Errc> : std::true_type {};
template <>
struct std::is_error_condition_enum<leaselock::Family> : std::true_type {};
