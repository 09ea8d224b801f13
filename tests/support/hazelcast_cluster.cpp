#include "support/hazelcast_cluster.hpp"

#include <csignal>
#include <fstream>
#include <random>
#include <stdexcept>
#include <utility>

namespace leaselock::support {
namespace {

using hazelcast::Ask;
using hazelcast::Assembler;
using hazelcast::Message;

constexpr std::chrono::seconds patience{60};

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("hazelcast: " + what); }

void send_signal(int pid, int number) {
    if (::kill(pid, number) != 0) fail("a member has ended");
}

// The value that an answer must have.
template <class Value>
Value checked(std::optional<Value> value) {
    if (!value) fail("an answer that cannot be read");
    return std::move(*value);
}

}  // namespace

HazelcastCluster::HazelcastCluster(const std::string& directory) {
    std::ifstream in{directory + "/members"};
    for (Member member; in >> member.port >> member.pid;) members_.push_back(member);
    if (members_.empty())
        fail("no members in " + directory + ": ctest starts them before the tests");
}

HazelcastCluster HazelcastCluster::of_tests() {
    return HazelcastCluster{LEASELOCK_HAZELCAST_DIRECTORY};
}

std::string HazelcastCluster::url(std::size_t first, const std::string& rest) const {
    std::string out = "hazelcast://";
    for (std::size_t i = 0; i < members_.size(); ++i) {
        const Member& member = members_[(first + i) % members_.size()];
        out += (i == 0 ? "127.0.0.1:" : ",127.0.0.1:") + std::to_string(member.port);
    }
    return out + rest;
}

void HazelcastCluster::pause(std::size_t member) const {
    send_signal(members_.at(member).pid, SIGSTOP);
}
void HazelcastCluster::resume(std::size_t member) const {
    send_signal(members_.at(member).pid, SIGCONT);
}

HazelcastClient::HazelcastClient(const HazelcastCluster& cluster, std::size_t member,
                                 const std::string& group)
    : random_{std::random_device{}()} {
    hazelcast::Settings settings;
    settings.cluster = HazelcastCluster::name;
    hazelcast::Greeted greeted;
    std::string why;
    if (hazelcast::greet(stream_, {"127.0.0.1", cluster.members().at(member).port}, settings,
                         *clock_, clock_->now() + patience, greeted, why)) {
        fail(why);
    }
    group_ = checked(hazelcast::group_of(
        call(Ask::create_group, [&](std::string& out, std::uint64_t correlation) {
            hazelcast::ask_group(out, correlation, group);
        })));
}

template <class Question>
Message HazelcastClient::call(Ask what, const Question& ask) {
    std::string out;
    ask(out, ++correlation_);
    const auto until = clock_->now() + patience;
    if (stream_.send(out, until).error) fail("the connection broke");
    for (Message message;;) {
        switch (stream_.next(message)) {
            case Assembler::Result::malformed: fail("no frames");
            case Assembler::Result::more:
                if (clock_->now() >= until) fail("no answer");
                if (stream_.read(patience) == wire::Received::closed) fail("the connection broke");
                continue;
            case Assembler::Result::message: break;
        }
        if (message.is_event() || message.correlation() != correlation_) continue;
        if (hazelcast::answers(message, what)) return message;
        fail(hazelcast::is_error(message) ? checked(hazelcast::error_of(message)).text
                                          : "another answer");
    }
}

std::uint64_t HazelcastClient::new_session() {
    const Message answer =
        call(Ask::create_session, [&](std::string& out, std::uint64_t correlation) {
            hazelcast::ask_session(out, correlation, group_, "test");
        });
    return checked(hazelcast::session_of(answer)).session;
}

void HazelcastClient::heartbeat(std::uint64_t session) {
    (void)call(Ask::heartbeat, [&](std::string& out, std::uint64_t correlation) {
        hazelcast::ask_about_session(out, Ask::heartbeat, correlation, group_, session);
    });
}

void HazelcastClient::close_session(std::uint64_t session) {
    (void)call(Ask::close_session, [&](std::string& out, std::uint64_t correlation) {
        hazelcast::ask_about_session(out, Ask::close_session, correlation, group_, session);
    });
}

std::uint64_t HazelcastClient::try_lock(std::string_view lock, std::uint64_t session,
                                        std::uint64_t thread, std::chrono::milliseconds time) {
    return checked(
        hazelcast::fence_of(call(Ask::try_lock, [&](std::string& out, std::uint64_t correlation) {
            hazelcast::ask_try_lock(out, correlation, group_, lock,
                                    {session, thread, {random_, ++calls_}}, time);
        })));
}

void HazelcastClient::unlock(std::string_view lock, std::uint64_t session, std::uint64_t thread) {
    (void)call(Ask::unlock, [&](std::string& out, std::uint64_t correlation) {
        hazelcast::ask_unlock(out, correlation, group_, lock,
                              {session, thread, {random_, ++calls_}});
    });
}

hazelcast::Ownership HazelcastClient::owner(std::string_view lock) {
    return checked(hazelcast::ownership_of(
        call(Ask::ownership, [&](std::string& out, std::uint64_t correlation) {
            hazelcast::ask_ownership(out, correlation, group_, lock);
        })));
}

}  // namespace leaselock::support
