// The messages of Hazelcast's Open Binary Client Protocol 2 that a lock needs: requests to bytes,
// answers to values, without a socket. An answer that does not have what it must have is none.
//
// Type numbers, parameters and error codes are those of the protocol's definitions, revision 2.8.
//
// Thread-safety: functions without state.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hazelcast/frame.hpp"

namespace leaselock::hazelcast {

// The first bytes of a connection, before any frame.
inline constexpr std::string_view greeting = "CP2";

// The type of a request. That of its answer is one more; an answer of type 0 is an error.
enum class Ask : std::uint32_t {
    authenticate = 0x000100,
    watch_cluster = 0x000300,
    ping = 0x000b00,
    try_lock = 0x070200,
    unlock = 0x070300,
    ownership = 0x070400,
    create_group = 0x1e0100,
    create_session = 0x1f0100,
    close_session = 0x1f0200,
    heartbeat = 0x1f0300,
};
inline constexpr std::uint32_t members_event = 0x000302;

// What a member answers in the place of an answer, as far as it means something to us.
enum class Fault : std::int32_t {
    not_owner = 26,        // IllegalMonitorState
    session_expired = 85,  // the session is closed, and all that it held is free
    wait_cancelled = 86,   // another call of the same owner ended the wait
    group_destroyed = 89,
};

// Where the state of locks lies: a Raft group of the CP subsystem.
struct Group {
    std::string name;
    std::uint64_t seed = 0;
    std::uint64_t id = 0;

    friend bool operator==(const Group&, const Group&) noexcept = default;
};

// What asks for a lock: a thread of a session. Within it a call is known by its uid, so that a copy
// of it does not run twice.
struct Caller {
    std::uint64_t session = 0;
    std::uint64_t thread = 0;
    Uuid call{};
};

struct Login {
    Uuid client{};
    std::string_view cluster{};
    std::string_view user{};  // empty: none
    std::string_view password{};
    std::string_view name{};
};

// Each appends one request. May throw bad_alloc.
void ask_authenticate(std::string& out, std::uint64_t correlation, const Login& login);
void ask_ping(std::string& out, std::uint64_t correlation);
void ask_watch_cluster(std::string& out, std::uint64_t correlation);
void ask_group(std::string& out, std::uint64_t correlation, std::string_view group);
void ask_session(std::string& out, std::uint64_t correlation, const Group& group,
                 std::string_view name);
// heartbeat or close_session
void ask_about_session(std::string& out, Ask what, std::uint64_t correlation, const Group& group,
                       std::uint64_t session);
void ask_try_lock(std::string& out, std::uint64_t correlation, const Group& group,
                  std::string_view lock, const Caller& caller, std::chrono::milliseconds time);
void ask_unlock(std::string& out, std::uint64_t correlation, const Group& group,
                std::string_view lock, const Caller& caller);
void ask_ownership(std::string& out, std::uint64_t correlation, const Group& group,
                   std::string_view lock);

struct Error {
    std::int32_t code = 0;
    std::string name{};  // the class, without its package
    std::string text{};

    [[nodiscard]] bool is(Fault fault) const noexcept {
        return code == static_cast<std::int32_t>(fault);
    }
};

struct Authenticated {
    enum class Status : std::uint8_t { ok, bad_credentials, bad_version, not_allowed };
    Status status = Status::ok;
    Uuid cluster{};
    std::string version{};
};

struct SessionTerms {
    std::uint64_t session = 0;
    std::chrono::milliseconds ttl{0};
    std::chrono::milliseconds heartbeat{0};
};

struct Ownership {
    std::uint64_t fence = 0;
    std::uint32_t count = 0;  // 0: nobody holds it
    std::uint64_t session = 0;
    std::uint64_t thread = 0;
};

struct MemberAddress {
    std::string host;
    std::uint16_t port = 0;

    friend bool operator==(const MemberAddress&, const MemberAddress&) noexcept = default;
};

// Whether it is the answer to that, and no error.
[[nodiscard]] bool answers(const Message& message, Ask what) noexcept;
[[nodiscard]] bool is_error(const Message& message) noexcept;
// Nothing: the message is not what it should be. May throw bad_alloc.
[[nodiscard]] std::optional<Error> error_of(const Message& message);
[[nodiscard]] std::optional<Authenticated> authenticated_of(const Message& message);
[[nodiscard]] std::optional<Group> group_of(const Message& message);
[[nodiscard]] std::optional<SessionTerms> session_of(const Message& message);
// Of try_lock; 0: it was not granted.
[[nodiscard]] std::optional<std::uint64_t> fence_of(const Message& message);
// Of unlock: whether it is still held, by an outer call.
[[nodiscard]] std::optional<bool> still_held_of(const Message& message);
[[nodiscard]] std::optional<Ownership> ownership_of(const Message& message);
[[nodiscard]] std::optional<std::vector<MemberAddress>> members_of(const Message& event);

}  // namespace leaselock::hazelcast
