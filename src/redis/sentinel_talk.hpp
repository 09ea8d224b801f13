// What is said to a Sentinel, and what its answers mean: bytes and replies, no socket.
//
// Thread-safety: functions without state; an object is one thread's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "redis/login.hpp"
#include "wire/resp_value.hpp"
#include "wire/url.hpp"

namespace leaselock::redis {

// Where a Sentinel says that the master is. Of two answers that with the higher epoch is the newer
// one: each fail-over has an epoch of its own.
struct NamedMaster {
    wire::HostPort where{};
    std::int64_t epoch = 0;

    friend bool operator==(const NamedMaster&, const NamedMaster&) = default;
};

// Appends the login, if there is a password, and the question.
void append_question(std::string& out, const Credentials& who, std::string_view name);

// The answers to one question.
class SentinelAnswers {
  public:
    // The credentials are those of the question.
    explicit SentinelAnswers(const Credentials& who) noexcept
        : step_{who.password.empty() ? Step::address : Step::login} {}

    // The next one. False: nothing more is to come, or not worth reading.
    [[nodiscard]] bool take(wire::RespView answer);

    // No error: `master` is there. Errc::unknown_master: this Sentinel knows no such name.
    [[nodiscard]] std::error_code error() const noexcept { return error_; }
    [[nodiscard]] const NamedMaster& master() const noexcept { return master_; }
    [[nodiscard]] const std::string& why() const noexcept { return why_; }

  private:
    enum class Step : std::uint8_t { login, address, epoch, done };

    bool fail(std::error_code error, std::string why);
    void take_error(std::string_view text);

    Step step_;
    NamedMaster master_{};
    std::error_code error_{};
    std::string why_{};
};

// Asks to be notified when a master is replaced.
void append_subscription(std::string& out, const Credentials& who);
// Where the master of that name is now, if this is such a notification.
[[nodiscard]] std::optional<wire::HostPort> switched_to(wire::RespView message,
                                                        std::string_view name);

}  // namespace leaselock::redis
