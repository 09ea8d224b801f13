#include "admin/self_check.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fmt/format.h>
#include <span>

#include <leaselock/printable.hpp>

#include "base/token.hpp"
#include "core/acquire_machine.hpp"
#include "core/execute.hpp"

namespace leaselock::detail {
namespace {

using namespace std::chrono_literals;

enum class Who : std::uint8_t { holder, waiter };

struct CheckStep {
    Verb verb;
    const char* name;
    Who who;
    std::chrono::milliseconds ttl;
    Outcome expected;
    Outcome also = expected;
    Claim claim{};
};
constexpr Claim part = Claim::permits(1, 2);
constexpr Claim whole = Claim::permits(2, 2);
// Longer at the renewal, since one that prolongs nothing may need fewer rights. The holder releases
// while a waiter waits, which may get the lock by that or not; and once more, since to release what
// is not ours may need other rights.
constexpr std::array steps{
    CheckStep{Verb::acquire, "acquire", Who::holder, 10s, Outcome::granted},
    CheckStep{Verb::inspect, "inspect", Who::holder, 0s, Outcome::held},
    CheckStep{Verb::renew, "renew", Who::holder, 20s, Outcome::renewed},
    CheckStep{Verb::acquire, "wait", Who::waiter, 10s, Outcome::held},
    CheckStep{Verb::release, "release", Who::holder, 0s, Outcome::released},
    CheckStep{Verb::release, "release", Who::waiter, 0s, Outcome::lost, Outcome::released},
    CheckStep{Verb::release, "release", Who::holder, 0s, Outcome::lost},
    CheckStep{Verb::acquire, "acquire", Who::holder, 10s, Outcome::granted, Outcome::granted, part},
    CheckStep{Verb::inspect, "inspect", Who::holder, 0s, Outcome::held},
    CheckStep{Verb::renew, "renew", Who::holder, 20s, Outcome::renewed, Outcome::renewed, part},
    CheckStep{Verb::acquire, "wait", Who::waiter, 10s, Outcome::held, Outcome::held, whole},
    CheckStep{Verb::release, "release", Who::holder, 0s, Outcome::released, Outcome::released,
              part},
    CheckStep{Verb::release, "release", Who::waiter, 0s, Outcome::lost, Outcome::released, whole},
    CheckStep{Verb::release, "release", Who::holder, 0s, Outcome::lost, Outcome::lost, part},
};
// So many of them come before those for shares.
constexpr std::size_t of_the_whole = 7;

// Takes a queue entry, and leaves before it is notified of anything.
class NoListener final : public Listener {
  public:
    using Listener::Listener;
    NoListener(const NoListener&) = delete;
    NoListener& operator=(const NoListener&) = delete;
    virtual ~NoListener() = default;

    WakeUp handed_over(const HandOff& /*what*/) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};

// Whether the backend has said what it does with such a command, for that is a finding. All else is
// trouble of the moment, or nobody is there to be checked.
bool is_verdict(Errc error) noexcept {
    switch (error) {
        case Errc::invalid_key:
        case Errc::access_denied:
        case Errc::corrupt:
        case Errc::not_supported:
        case Errc::directory_unusable:
        case Errc::read_only:
        case Errc::out_of_memory:
        case Errc::not_enough_replicas:
        case Errc::misconfigured:
        case Errc::cluster_down: return true;
        default: return false;
    }
}

Finding refusal(const CheckStep& step, const Reply& reply, const std::string& prefix) {
    return {.severity = Finding::Severity::problem,
            .subject = step.name,
            .found = fmt::format("{}{}{}", make_error_code(reply.error).message(),
                                 reply.detail.empty() ? "" : ": ", reply.detail),
            .advice = reply.error == Errc::access_denied
                          ? fmt::format("give this user the rights that the backend's scripts "
                                        "need, for the keys that begin with '{}'",
                                        printable(prefix))
                          : "mend what the message says; locks do not work before"};
}

bool is_named(const CheckStep& step, const std::vector<Finding>& findings) {
    return std::any_of(findings.begin(), findings.end(),
                       [&](const Finding& each) { return each.subject == step.name; });
}

Finding contradiction(const CheckStep& step) {
    return {.severity = Finding::Severity::problem,
            .subject = step.name,
            .found = "the answer does not fit the commands before it",
            .advice = "see who deletes or evicts keys, and whether all commands reach one server"};
}

}  // namespace

void self_check(const ManagerOptions& options, Backend& backend, std::vector<Finding>& findings) {
    std::string digits(token_digits, '0');
    write_random_digits(digits.data());
    const std::string key = options.prefix + "leaselock-check:" + digits;
    const std::string holder = options.owner + "/" + digits;
    write_random_digits(digits.data());
    const std::string waiter = options.owner + "/" + digits;
    NoListener listener{key, waiter};
    bool sound = true;
    const CheckStep* failed = nullptr;
    const std::span<const CheckStep> all{steps};
    for (const CheckStep& step : backend.guarantees().shares ? all : all.first(of_the_whole)) {
        const bool waits = step.who == Who::waiter;
        // Nothing was locked, perhaps.
        if (waits && failed != nullptr && failed->who == Who::holder) continue;
        Operation operation{{.verb = step.verb,
                             .key = key,
                             .prefix = options.prefix.size(),
                             .token = step.verb == Verb::inspect ? std::string_view{}
                                      : waits                    ? waiter
                                                                 : holder,
                             .ttl = step.ttl,
                             .claim = step.claim,
                             .listener = waits ? &listener : nullptr,
                             .entry_life = entry_life,
                             .submitted = options.clock->now()}};
        execute(*options.clock, backend, operation);
        if (waits) backend.forget(listener);
        const Reply& reply = operation.reply;
        if (reply.outcome == Outcome::failed) {
            if (!is_verdict(reply.error)) {
                throw LockError(reply.error,
                                fmt::format("check of {}: {}", step.name, reply.detail));
            }
            if (!is_named(step, findings)) findings.push_back(refusal(step, reply, options.prefix));
            failed = &step;
        } else if (failed == nullptr && sound && reply.outcome != step.expected &&
                   reply.outcome != step.also) {
            findings.push_back(contradiction(step));
            sound = false;  // what follows from that is no news
        }
    }
}

}  // namespace leaselock::detail
