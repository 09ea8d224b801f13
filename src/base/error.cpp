#include <fmt/format.h>

#include <leaselock/error.hpp>
#include <leaselock/printable.hpp>

#include "base/undying.hpp"

namespace leaselock {
namespace {

const char* text(Errc code) noexcept {
    switch (code) {
        case Errc::held: return "held by another";
        case Errc::wait_timed_out: return "held by another until the wait was over";
        case Errc::cancelled: return "the wait was cancelled";
        case Errc::invalid_key: return "invalid key";
        case Errc::invalid_option: return "invalid option";
        case Errc::unknown_backend: return "unknown backend";
        case Errc::registry_frozen: return "the backends are fixed since the first use";
        case Errc::invalid_url: return "invalid URL";
        case Errc::invalid_template: return "invalid key template";
        case Errc::authentication_failed: return "authentication failed";
        case Errc::access_denied: return "access denied";
        case Errc::corrupt: return "the key holds something that is not a lock";
        case Errc::not_supported: return "not supported";
        case Errc::tls_failed: return "no trusted TLS connection";
        case Errc::forked: return "made before this process was copied, by a fork or from an image";
        case Errc::conflicting_use: return "the key has another number or kind of shares now";
        case Errc::directory_unusable: return "the lock directory cannot be used";
        case Errc::not_promised: return "the backend promises less than is required";
        case Errc::would_deadlock: return "a call that waits would block the thread of coroutines";
        case Errc::unknown_master: return "no Sentinel knows a master of that name";
        case Errc::connect_failed: return "cannot be reached";
        case Errc::loading: return "the server is loading";
        case Errc::read_only: return "the server is a read-only replica";
        case Errc::out_of_memory: return "out of memory";
        case Errc::not_enough_replicas: return "the server has not enough replicas";
        case Errc::busy: return "busy";
        case Errc::misconfigured: return "the server refuses writes";
        case Errc::too_many_clients: return "too many clients, or open files";
        case Errc::cluster_down: return "the cluster does not serve this key";
        case Errc::stale: return "the command arrived too late to be run";
        case Errc::granted_too_late: return "granted too late to be of use";
        case Errc::too_many_cleanups: return "too many locks are owed a release";
        case Errc::no_thread: return "the library's own thread cannot be started";
        case Errc::too_many_in_flight: return "too many commands wait for an answer";
        case Errc::not_replicated: return "too few replicas have acknowledged it";
        case Errc::sentinels_disagree: return "the Sentinels disagree where the master is";
        case Errc::command_timed_out: return "no answer in time";
        case Errc::connection_lost: return "the connection broke before the answer";
        case Errc::protocol_error: return "no answer that the request can have";
        case Errc::unexpected_reply: return "unexpected answer";
        case Errc::lost: return "the lock is lost";
        case Errc::fenced_off: return "fenced off";
        case Errc::session_expired: return "the session with the store has ended";
    }
    return "unknown leaselock error";
}

// The nearest standard condition. Zero: there is none.
std::errc nearest(Errc code) noexcept {
    switch (code) {
        case Errc::held: return std::errc::device_or_resource_busy;
        case Errc::wait_timed_out: return std::errc::timed_out;
        case Errc::cancelled: return std::errc::operation_canceled;
        case Errc::invalid_key:
        case Errc::invalid_option:
        case Errc::unknown_backend:
        case Errc::invalid_url:
        case Errc::unknown_master:
        case Errc::invalid_template: return std::errc::invalid_argument;
        case Errc::registry_frozen: return std::errc::operation_not_permitted;
        case Errc::authentication_failed:
        case Errc::access_denied:
        case Errc::tls_failed: return std::errc::permission_denied;
        case Errc::corrupt: return std::errc::bad_message;
        case Errc::not_supported:
        case Errc::not_promised: return std::errc::not_supported;
        case Errc::would_deadlock: return std::errc::resource_deadlock_would_occur;
        case Errc::forked: return std::errc::operation_not_permitted;
        case Errc::conflicting_use: return std::errc::invalid_argument;
        case Errc::directory_unusable: return std::errc::io_error;
        case Errc::connect_failed: return std::errc::not_connected;
        case Errc::read_only: return std::errc::read_only_file_system;
        case Errc::out_of_memory: return std::errc::not_enough_memory;
        case Errc::loading:
        case Errc::not_enough_replicas:
        case Errc::busy:
        case Errc::misconfigured:
        case Errc::too_many_clients:
        case Errc::cluster_down:
        case Errc::too_many_cleanups:
        case Errc::too_many_in_flight:
        case Errc::sentinels_disagree:
        case Errc::not_replicated:
        case Errc::no_thread: return std::errc::resource_unavailable_try_again;
        case Errc::stale:
        case Errc::granted_too_late:
        case Errc::command_timed_out: return std::errc::timed_out;
        case Errc::connection_lost: return std::errc::connection_reset;
        case Errc::protocol_error:
        case Errc::unexpected_reply: return std::errc::protocol_error;
        case Errc::lost:
        case Errc::fenced_off:
        case Errc::session_expired: return std::errc::owner_dead;
    }
    return std::errc{};
}

class CodeCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "leaselock"; }
    std::string message(int value) const override { return text(static_cast<Errc>(value)); }
    std::error_condition default_error_condition(int value) const noexcept override {
        const std::errc condition = nearest(static_cast<Errc>(value));
        if (condition == std::errc{}) return {value, *this};
        return condition;
    }
    bool equivalent(int value, const std::error_condition& condition) const noexcept override {
        if (condition.category() == family_category()) {
            return static_cast<int>(family(static_cast<Errc>(value))) == condition.value();
        }
        return default_error_condition(value) == condition;
    }
};

class FamilyCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "leaselock.family"; }
    std::string message(int value) const override {
        switch (static_cast<Family>(value)) {
            case Family::contended: return "contended";
            case Family::refused: return "refused";
            case Family::unavailable: return "unavailable";
            case Family::unknown: return "unknown";
            case Family::lost: return "lost";
        }
        return "unknown family";
    }
};

std::string holder_text(std::string_view key, std::string_view owner,
                        std::chrono::milliseconds remaining, std::chrono::milliseconds waited,
                        std::string_view limit) {
    const std::string wait =
        limit.empty() ? "" : fmt::format(" after {} ms ({})", waited.count(), limit);
    return fmt::format("lock '{}' not acquired{}, holder {}, its lease has {} ms to run", key, wait,
                       owner.empty() ? "unknown to leaselock" : owner, remaining.count());
}

std::string_view words(LockLost::Cause cause) {
    switch (cause) {
        case LockLost::Cause::not_held: return "it is not held here";
        case LockLost::Cause::expired: return "its lease ended";
        case LockLost::Cause::taken: return "the store has it no more as ours";
        case LockLost::Cause::session_expired: return "its session with the store has ended";
        case LockLost::Cause::fenced: break;
    }
    return "it was fenced off";
}

}  // namespace

const std::error_category& error_category() noexcept {
    static const detail::Undying<CodeCategory> category;
    return *category;
}

const std::error_category& family_category() noexcept {
    static const detail::Undying<FamilyCategory> category;
    return *category;
}

Error::Error(std::error_code code, std::string_view text)
    : std::system_error(code, printable(text)) {}

LockNotAcquired::LockNotAcquired(Errc code, std::string_view key, std::string_view owner,
                                 std::chrono::milliseconds remaining,
                                 std::chrono::milliseconds waited, std::string_view limit)
    : Error(make_error_code(code), holder_text(key, owner, remaining, waited, limit)),
      holder_(std::make_shared<const Holder>(
          Holder{std::string(key), std::string(owner), remaining, waited, std::string(limit)})) {}

LockNotAcquired::Reason LockNotAcquired::reason() const noexcept {
    if (code() == Errc::wait_timed_out) return Reason::timed_out;
    return code() == Errc::cancelled ? Reason::cancelled : Reason::held;
}

LockLost::LockLost(std::string_view key)
    : Error(make_error_code(Errc::lost), fmt::format("lock '{}'", key)) {}

LockLost::LockLost(std::string_view key, Cause cause, std::chrono::milliseconds ago)
    : Error(make_error_code(cause == Cause::session_expired ? Errc::session_expired : Errc::lost),
            fmt::format("lock '{}' lost {} ms ago: {}", key, ago.count(), words(cause))),
      cause_{cause},
      ago_{ago} {}

LockLost::LockLost(std::uint64_t token, std::uint64_t newest)
    : Error(make_error_code(Errc::fenced_off),
            fmt::format("fencing token {} is not in the range of {} to 2^53 - 1", token,
                        newest == 0 ? 1 : newest)),
      cause_{Cause::fenced} {}

}  // namespace leaselock
