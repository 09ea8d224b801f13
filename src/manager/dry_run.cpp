#include "manager/dry_run.hpp"

#include <array>
#include <fmt/core.h>

#include "manager/core.hpp"
#include "manager/token.hpp"

namespace leaselock::detail {
namespace {

using namespace std::chrono_literals;

struct Step {
    Verb verb;
    const char* name;
    std::chrono::milliseconds ttl;
    Outcome expected;
};
// Longer at the renewal, since one that prolongs nothing may need fewer rights; and a second
// release, since one of a lock that is not ours may need others.
constexpr std::array steps{
    Step{Verb::acquire, "acquire", 10s, Outcome::granted},
    Step{Verb::inspect, "inspect", 0s, Outcome::held},
    Step{Verb::renew, "renew", 20s, Outcome::renewed},
    Step{Verb::release, "release", 0s, Outcome::released},
    Step{Verb::release, "release", 0s, Outcome::lost},
};

// Whether the backend has said what it does with such a command, for that is a finding. All else is
// trouble of the moment, or nobody is there to be checked.
bool is_verdict(Errc error) noexcept {
    switch (error) {
        case Errc::invalid_key:
        case Errc::access_denied:
        case Errc::corrupt:
        case Errc::not_supported:
        case Errc::read_only:
        case Errc::out_of_memory:
        case Errc::not_enough_replicas:
        case Errc::misconfigured:
        case Errc::cluster_down: return true;
        default: return false;
    }
}

Finding refusal(const Step& step, const Reply& reply) {
    return {.severity = Finding::Severity::problem,
            .subject = step.name,
            .found = fmt::format("{}{}{}", make_error_code(reply.error).message(),
                                 reply.detail.empty() ? "" : ": ", reply.detail),
            .advice = reply.error == Errc::access_denied
                          ? "give this user the rights that the backend's scripts need"
                          : "mend what the message says; locks do not work before"};
}

Finding contradiction(const Step& step) {
    return {.severity = Finding::Severity::problem,
            .subject = step.name,
            .found = "the answer does not fit the commands before it",
            .advice = "see who deletes or evicts keys, and whether all commands reach one server"};
}

}  // namespace

void dry_run(const Core& core, Backend& backend, std::vector<Finding>& findings) {
    std::string digits(token_digits, '0');
    write_random_digits(digits.data());
    const std::string key = core.options().prefix + "leaselock-check:" + digits;
    const std::string token = core.options().owner + "/" + digits;
    bool sound = true;
    const Step* failed = nullptr;
    for (const Step& step : steps) {
        Operation operation{{.verb = step.verb,
                             .key = key,
                             .token = step.verb == Verb::inspect ? std::string_view{} : token,
                             .ttl = step.ttl,
                             .submitted = core.clock().now()}};
        core.run(backend, operation);
        const Reply& reply = operation.reply;
        if (reply.outcome == Outcome::failed) {
            if (!is_verdict(reply.error)) {
                throw LockError(reply.error,
                                fmt::format("check of {}: {}", step.name, reply.detail));
            }
            if (failed == nullptr || failed->verb != step.verb) {
                findings.push_back(refusal(step, reply));
            }
            failed = &step;
        } else if (failed == nullptr && sound && reply.outcome != step.expected) {
            findings.push_back(contradiction(step));
            sound = false;  // what follows from that is no news
        }
    }
}

}  // namespace leaselock::detail
