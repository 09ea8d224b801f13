#include "support/hazelcast_cluster.hpp"

#include <csignal>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "support/child_process.hpp"

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

HazelcastCluster::HazelcastCluster(std::string directory) : directory_{std::move(directory)} {
    read_members();
}

void HazelcastCluster::read_members() {
    members_.clear();
    std::ifstream in{directory_ + "/members"};
    for (Member member; in >> member.port >> member.pid;) members_.push_back(member);
    if (members_.empty())
        fail("no members in " + directory_ + ": ctest starts them before the tests");
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
void HazelcastCluster::kill(std::size_t member) const {
    send_signal(members_.at(member).pid, SIGKILL);
}

void HazelcastCluster::start_again(std::vector<std::string> arguments) {
    std::vector<std::string> words{"python3", LEASELOCK_HAZELCAST_SCRIPT, "restart", directory_,
                                   LEASELOCK_HAZELCAST_JAR};
    words.insert(words.end(), arguments.begin(), arguments.end());
    ChildProcess script{std::move(words)};
    if (script.wait(3 * patience) != 0) fail("no member could be started again");
    read_members();
}
void HazelcastCluster::restart(std::size_t member) {
    start_again({std::to_string(members_.at(member).port)});
}
void HazelcastCluster::restart_all() { start_again({}); }

// The newest of the lists that a member has written says who leads.
std::size_t HazelcastCluster::leader() const {
    for (std::size_t i = 0; i < members_.size(); ++i) {
        std::ifstream in{directory_ + '/' + std::to_string(members_[i].port) + ".log"};
        std::stringstream log;
        log << in.rdbuf();
        const std::string text = log.str();
        const std::size_t list = text.rfind("groupId: default(");
        if (list == std::string::npos) continue;
        const std::string newest = text.substr(list, text.find("\n]", list) - list);
        if (newest.find("LEADER this") != std::string::npos) return i;
    }
    fail("no member leads the group");
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

// The next that is no event.
Message HazelcastClient::receive() {
    const auto until = clock_->now() + patience;
    for (Message message;;) {
        switch (stream_.next(message)) {
            case Assembler::Result::malformed: fail("no frames");
            case Assembler::Result::more:
                if (clock_->now() >= until) fail("no answer");
                if (stream_.read(patience) == wire::Received::closed) fail("the connection broke");
                continue;
            case Assembler::Result::message: break;
        }
        if (!message.is_event()) return message;
    }
}

template <class Question>
Message HazelcastClient::call(Ask what, const Question& ask) {
    std::string out;
    ask(out, ++correlation_);
    if (stream_.send(out, clock_->now() + patience).error) fail("the connection broke");
    for (;;) {
        Message message = receive();
        if (message.correlation() != correlation_) continue;
        if (hazelcast::answers(message, what)) return message;
        if (!hazelcast::is_error(message)) fail("another answer");
        const hazelcast::Error error = checked(hazelcast::error_of(message));
        fail(error.name + ": " + error.text);
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
    newest_try_ = ++calls_;
    return try_lock_by(newest_try_, lock, session, thread, time);
}

std::uint64_t HazelcastClient::try_lock_again(std::string_view lock, std::uint64_t session,
                                              std::uint64_t thread) {
    return try_lock_by(newest_try_, lock, session, thread, {});
}

std::uint64_t HazelcastClient::try_lock_by(std::uint64_t call_number, std::string_view lock,
                                           std::uint64_t session, std::uint64_t thread,
                                           std::chrono::milliseconds time) {
    return checked(
        hazelcast::fence_of(call(Ask::try_lock, [&](std::string& out, std::uint64_t correlation) {
            hazelcast::ask_try_lock(out, correlation, group_, lock,
                                    {session, thread, {random_, call_number}}, time);
        })));
}

void HazelcastClient::unlock(std::string_view lock, std::uint64_t session, std::uint64_t thread) {
    (void)call(Ask::unlock, [&](std::string& out, std::uint64_t correlation) {
        hazelcast::ask_unlock(out, correlation, group_, lock,
                              {session, thread, {random_, ++calls_}});
    });
}

void HazelcastClient::cycle(std::string_view prefix, std::uint64_t session, int width, int rounds) {
    struct Lock {
        std::string name;
        std::uint64_t thread;
        int left;
        bool is_held = false;
    };
    std::map<std::uint64_t, Lock> under_way;
    const auto ask = [&](Lock lock) {
        std::string out;
        const hazelcast::Caller caller{session, lock.thread, {random_, ++calls_}};
        if (lock.is_held) {
            hazelcast::ask_unlock(out, ++correlation_, group_, lock.name, caller);
        } else {
            hazelcast::ask_try_lock(out, ++correlation_, group_, lock.name, caller, {});
        }
        under_way.emplace(correlation_, std::move(lock));
        if (stream_.send(out, clock_->now() + patience).error) fail("the connection broke");
    };
    for (int i = 0; i < width; ++i) {
        ask({std::string{prefix} + std::to_string(i), static_cast<std::uint64_t>(i), rounds});
    }
    while (!under_way.empty()) {
        const Message answer = receive();
        const auto found = under_way.find(answer.correlation());
        if (found == under_way.end()) continue;
        Lock lock = std::move(found->second);
        under_way.erase(found);
        if (hazelcast::is_error(answer)) fail("a call was refused");
        if (std::exchange(lock.is_held, !lock.is_held) && --lock.left == 0) continue;
        ask(std::move(lock));
    }
}

hazelcast::Ownership HazelcastClient::owner(std::string_view lock) {
    return checked(hazelcast::ownership_of(
        call(Ask::ownership, [&](std::string& out, std::uint64_t correlation) {
            hazelcast::ask_ownership(out, correlation, group_, lock);
        })));
}

}  // namespace leaselock::support
