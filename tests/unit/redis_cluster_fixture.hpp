// Nodes of a Redis Cluster that say what the test wants, and a backend that asks them.
//
// Thread-safety: a node is for all threads at once, the fixture for the thread of its test.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/redis.hpp>

#include "fault/lock_peer.hpp"
#include "support/cluster_slot.hpp"
#include "support/poll_until.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock {

using namespace std::chrono_literals;

inline constexpr std::string_view key_asked = "hazel:lock:job";

// A peer that answers as a node of a cluster in which one node has all slots, and others have none.
class LyingNode {
  public:
    static std::string text_of(const std::string& text) {
        return '$' + std::to_string(text.size()) + "\r\n" + text + "\r\n";
    }

    LyingNode() {
        peer_.on_command([this](const support::ScriptedPeer::Command& command) {
            const std::lock_guard lock{mutex_};
            const std::string& word = command.front();
            if (word == "TIME") {
                return support::Answer::reply("*2\r\n" + text_of("1795886415") + text_of("341669"));
            }
            if (word == "SUBSCRIBE") {
                return support::Answer::reply("*3\r\n" + text_of("subscribe") +
                                              text_of(command.at(1)) + ":1\r\n");
            }
            if (word == "ASKING") {
                ++asked_;
                return support::Answer::reply(may_ask_ ? "+OK\r\n" : "-NOPERM no permissions\r\n");
            }
            if (word != "CLUSTER") {
                ++calls_;
                return support::Answer::reply(answer_ ? answer_(calls_) : support::granted("7"));
            }
            if (command.at(1) == "MYID") return support::Answer::reply(text_of(identity_));
            if (command.at(1) == "SLOTS") {
                ++tables_;
                return support::Answer::reply(table_);
            }
            return support::Answer::reply("-ERR unknown subcommand\r\n");
        });
    }

    [[nodiscard]] std::string address() const {
        return "127.0.0.1:" + std::to_string(peer_.port());
    }
    [[nodiscard]] std::string shown() const {
        return "*3\r\n" + text_of("127.0.0.1") + ':' + std::to_string(peer_.port()) + "\r\n" +
               text_of(id_);
    }
    void has_table(std::string table) {
        const std::lock_guard lock{mutex_};
        table_ = std::move(table);
    }
    // Of the number of the command, from 1 on.
    void answers(std::function<std::string(int)> answer) {
        const std::lock_guard lock{mutex_};
        answer_ = std::move(answer);
    }
    // To all that have subscribed.
    void publish(const std::string& channel, const std::string& message) {
        peer_.push("*3\r\n" + text_of("message") + text_of(channel) + text_of(message));
    }
    void refuses_asking() { may_ask_ = false; }
    void permits_asking() { may_ask_ = true; }
    void is_another() {
        const std::lock_guard lock{mutex_};
        identity_ = std::string(40, 'f');
    }
    [[nodiscard]] int calls() const { return calls_; }
    [[nodiscard]] int asked() const { return asked_; }
    [[nodiscard]] int tables() const { return tables_; }
    [[nodiscard]] std::size_t connections() const { return peer_.connections(); }
    [[nodiscard]] std::vector<support::ScriptedPeer::Command> commands() const {
        return peer_.commands();
    }

  private:
    static std::string next_id() {
        static std::atomic<int> made{10};
        const std::string number = std::to_string(made++);
        return number + std::string(40 - number.size(), 'a');
    }

    const std::string id_ = next_id();
    std::mutex mutex_;  // for the three below
    std::string identity_ = id_;
    std::string table_ = "*0\r\n";
    std::function<std::string(int)> answer_;
    std::atomic<int> calls_{0};
    std::atomic<int> asked_{0};
    std::atomic<int> tables_{0};
    std::atomic<bool> may_ask_{true};
    support::ScriptedPeer peer_;
};

inline std::string redirect(const char* word, const LyingNode& to, int slot = -1) {
    if (slot < 0) slot = support::cluster_slot(key_asked);
    return std::string("-") + word + ' ' + std::to_string(slot) + ' ' + to.address() + "\r\n";
}

// Of two nodes: the first has all slots, the second is its replica, or so the first one says.
class RedisClusterTest : public ::testing::Test {
  protected:
    RedisClusterTest() {
        const std::string table = "*1\r\n*4\r\n:0\r\n:16383\r\n" + first.shown() + second.shown();
        first.has_table(table);
        second.has_table(table);
    }

    [[nodiscard]] std::string backend_name() const { return "redis+cluster://" + first.address(); }
    std::shared_ptr<Backend> make(const std::string& rest = {}) {
        return make_redis_backend({.url = backend_name() + rest,
                                   .connect_timeout = Duration{patience},
                                   .command_timeout = Duration{patience}});
    }
    static Request request_for(std::string_view key) {
        return {.verb = Verb::acquire,
                .key = key,
                .token = "me/1",
                .ttl = 30s,
                .submitted = boot_clock()->now()};
    }
    static Reply acquire(Backend& backend, std::string_view key = key_asked) {
        Operation operation{request_for(key)};
        detail::BlockingCall{operation}.run(backend, *boot_clock());
        return operation.reply;
    }
    // By a deadline of its own, so that the backend has time enough for its first connection.
    static Reply acquire_within(Backend& backend, std::chrono::milliseconds time) {
        Request request = request_for(key_asked);
        request.deadline = request.submitted + time;
        Operation operation{request};
        detail::BlockingCall{operation}.run(backend, *boot_clock());
        EXPECT_LT(boot_clock()->now() - request.submitted, 10 * time);
        return operation.reply;
    }
    // One that is given up while the attempt is under way that `is_under_way` says.
    template <class Condition>
    static Reply give_up_when(Backend& backend, const Condition& is_under_way) {
        Operation operation{request_for(key_asked)};
        backend.submit(operation);
        EXPECT_TRUE(support::poll_until(is_under_way, 60s));
        backend.cancel(operation);
        EXPECT_TRUE(operation.done());
        return operation.reply;
    }
    static void expect_error(const Reply& reply, Errc error, const std::string& part = {}) {
        EXPECT_EQ(reply.outcome, Outcome::failed);
        EXPECT_EQ(reply.error, error) << reply.detail;
        EXPECT_NE(reply.detail.find(part), std::string::npos) << reply.detail;
    }

    static constexpr std::chrono::milliseconds patience = 20s;
    LyingNode first;
    LyingNode second;
};

}  // namespace leaselock
