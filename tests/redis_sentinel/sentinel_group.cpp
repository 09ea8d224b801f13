#include "redis_sentinel/sentinel_group.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <leaselock/clock.hpp>

#include "support/poll_until.hpp"
#include "support/resp_text.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"

namespace leaselock::support {
namespace {

using namespace std::chrono_literals;

// Sentinels on a busy machine take their time: after a failed attempt 20 s until the next.
constexpr std::chrono::seconds patience{90};

[[noreturn]] void fail_with(const std::string& what) {
    throw std::runtime_error("sentinels: " + what);
}

// Whether it becomes true; what throws is not true yet.
template <typename Condition>
bool comes_true(const Condition& condition) {
    return poll_until(
        [&] {
            try {
                return condition();
            } catch (const std::runtime_error&) {
                return false;
            }
        },
        patience);
}

std::uint16_t named_by(std::uint16_t sentinel) {
    const std::string answer =
        SentinelGroup::cli(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SentinelGroup::name);
    return static_cast<std::uint16_t>(std::stoi(answer.substr(answer.find('\n') + 1)));
}

}  // namespace

SentinelGroup::SentinelGroup(std::string directory) : directory_{std::move(directory)} { read(); }

SentinelGroup SentinelGroup::of_tests() { return SentinelGroup{LEASELOCK_SENTINEL_DIRECTORY}; }

void SentinelGroup::read() {
    servers_.clear();
    sentinels_.clear();
    std::ifstream in{directory_ + "/members"};
    std::string kind;
    for (Member member; in >> kind >> member.port >> member.pid;) {
        (kind == "server" ? servers_ : sentinels_).push_back(member);
    }
    if (servers_.empty() || sentinels_.empty()) {
        fail_with("none in " + directory_ + ": ctest starts them before the tests");
    }
}

std::string SentinelGroup::url(const std::string& rest) const {
    std::string out = std::string{"redis+sentinel://"} + user + ':' + password_in_url + '@';
    for (const Member& each : sentinels_) {
        out += (&each == sentinels_.data() ? "127.0.0.1:" : ",127.0.0.1:");
        out += std::to_string(each.port);
    }
    return out + '/' + name + rest;
}

std::string SentinelGroup::ask(std::uint16_t port, const std::vector<std::string>& words) {
    wire::Connection connection{boot_clock()};
    const auto until = boot_clock()->now() + 10s;
    std::string why;
    const std::vector<std::string_view> arguments(words.begin(), words.end());
    std::string out;
    wire::append_command(out, std::span<const std::string_view>{arguments});
    wire::RespValue reply;
    if (connection.open({"127.0.0.1", port, {}}, until, why) || connection.send(out, until).error ||
        connection.receive(reply, until) != wire::Received::reply) {
        fail_with("no answer at port " + std::to_string(port) + " to " + words.front() + why);
    }
    if (reply.is_error()) fail_with(std::string{reply.text()});
    return resp_text(reply);
}

std::uint16_t SentinelGroup::master() const {
    std::uint16_t port = 0;
    const auto names_one = [&] {
        for (const Member& each : sentinels_) {
            try {
                port = named_by(each.port);
                return true;
            } catch (const std::runtime_error&) {
                continue;
            }
        }
        return false;
    };
    if (!comes_true(names_one)) fail_with("none answers");
    return port;
}

bool SentinelGroup::all_name(std::uint16_t port) const {
    return std::all_of(sentinels_.begin(), sentinels_.end(),
                       [&](const Member& each) { return named_by(each.port) == port; });
}

void SentinelGroup::await_rest() const {
    const bool rests = comes_true([&] {
        const std::uint16_t port = master();
        const std::string replication = cli(port, "INFO", "replication");
        std::size_t in_step = 0;
        for (std::size_t at = 0; (at = replication.find("state=online", at)) != std::string::npos;
             ++at) {
            ++in_step;
        }
        return all_name(port) && replication.find("role:master") != std::string::npos &&
               in_step == servers_.size() - 1;
    });
    if (!rests) fail_with("they do not come to rest");
}

std::uint16_t SentinelGroup::await_master_other_than(std::uint16_t port) const {
    std::uint16_t other = port;
    const bool moved = comes_true([&] {
        other = named_by(sentinels_.front().port);
        return other != port && all_name(other) && cli(other, "ROLE").starts_with("master");
    });
    if (!moved) fail_with("no other server becomes the master");
    return other;
}

std::uint16_t SentinelGroup::fail_over() const {
    const std::uint16_t before = master();
    const bool begun = comes_true(
        [&] { return cli(sentinels_.front().port, "SENTINEL", "FAILOVER", name) == "OK"; });
    if (!begun) fail_with("no fail-over begins");
    return await_master_other_than(before);
}

int SentinelGroup::pid_of(std::uint16_t port) const {
    for (const auto* members : {&servers_, &sentinels_}) {
        for (const Member& each : *members) {
            if (each.port == port) return each.pid;
        }
    }
    fail_with("no member at that port");
}

void SentinelGroup::pause(std::uint16_t port) const { (void)::kill(pid_of(port), SIGSTOP); }
void SentinelGroup::resume(std::uint16_t port) const { (void)::kill(pid_of(port), SIGCONT); }
void SentinelGroup::kill(std::uint16_t port) const { (void)::kill(pid_of(port), SIGKILL); }

void SentinelGroup::restart(std::uint16_t port) {
    const std::string command = std::string{"python3 "} + LEASELOCK_SENTINEL_SCRIPT + " restart '" +
                                directory_ + "' " + std::to_string(port);
    // NOLINTNEXTLINE(cert-env33-c): a test's own script
    if (std::system(command.c_str()) != 0) fail_with("it does not start again");
    read();
}

}  // namespace leaselock::support
