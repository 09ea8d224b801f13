// A backend on a real server, and a waiter that counts what it is notified of.
//
// Thread-safety: the fixture is for the thread of its test; an Ear is for all.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/redis.hpp>

#include "support/poll_until.hpp"
#include "support/redis_server.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock {

using namespace std::chrono_literals;

inline constexpr const char* lock_key = "hazel:lock:key";

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class Ear final : public Listener {
  public:
    using Listener::Listener;
    Ear(const Ear&) = delete;
    Ear& operator=(const Ear&) = delete;
    ~Ear() { dead_ = true; }

    WakeUp handed_over(const HandOff& what) noexcept override {
        const std::lock_guard lock{mutex_};
        if (dead_) std::abort();
        last_ = what;
        called_on_ = std::this_thread::get_id();
        ++calls_;
        return waker_.wake();
    }
    WakeUp poll() noexcept override {
        if (dead_) std::abort();
        ++polls_;
        return waker_.wake();
    }

    [[nodiscard]] int calls() const noexcept { return calls_; }
    [[nodiscard]] int polls() const noexcept { return polls_; }
    [[nodiscard]] HandOff last() {
        const std::lock_guard lock{mutex_};
        return last_;
    }
    // Which thread has notified it.
    [[nodiscard]] std::thread::id called_on() {
        const std::lock_guard lock{mutex_};
        return called_on_;
    }
    // For a thread that waits for that.
    [[nodiscard]] Waker& waker() noexcept { return waker_; }

  private:
    std::mutex mutex_;
    HandOff last_;
    std::thread::id called_on_;
    Waker waker_;
    std::atomic<int> calls_{0};
    std::atomic<int> polls_{0};
    std::atomic<bool> dead_{false};
};

// A peer that confirms a subscription, and then says nothing any more.
inline void confirm_and_fall_silent(support::ScriptedPeer& peer) {
    const auto subscribed = std::make_shared<std::atomic<int>>(0);
    peer.on_command([subscribed](const support::ScriptedPeer::Command& command) {
        if (command.at(0) == "TIME") {
            return support::Answer::reply("*2\r\n$10\r\n1764094000\r\n$1\r\n5\r\n");
        }
        if (command.at(0) != "SUBSCRIBE" || (*subscribed)++ % 2 == 1) {
            return support::Answer::silence();
        }
        const std::string& channel = command.at(1);
        return support::Answer::reply("*3\r\n$9\r\nsubscribe\r\n$" +
                                      std::to_string(channel.size()) + "\r\n" + channel +
                                      "\r\n:1\r\n");
    });
}

class RedisHandOffSubscriber : public ::testing::Test {
  protected:
    [[nodiscard]] static Request waiting(Ear& ear) {
        return {.verb = Verb::acquire,
                .key = ear.key(),
                .token = ear.token(),
                .ttl = 30s,
                .listener = &ear,
                .entry_life = 1min,
                .submitted = boot_clock()->now()};
    }
    static Reply ask(Backend& backend, const Request& request) {
        Operation operation{request};
        detail::BlockingCall{operation}.run(backend, *boot_clock());
        return operation.reply;
    }
    static Reply acquire(Backend& backend, Ear& ear) { return ask(backend, waiting(ear)); }
    Reply acquire(Ear& ear) { return acquire(*backend_, ear); }
    void hold(const std::string& token) {
        const Reply reply = ask(*backend_, {.verb = Verb::acquire,
                                            .key = lock_key,
                                            .token = token,
                                            .ttl = 1min,
                                            .submitted = boot_clock()->now()});
        ASSERT_EQ(reply.outcome, Outcome::granted) << reply.detail;
    }
    Outcome release(const std::string& token) {
        return ask(*backend_, {.verb = Verb::release,
                               .key = lock_key,
                               .token = token,
                               .submitted = boot_clock()->now()})
            .outcome;
    }
    // The first that listens: it polls once, and is notified from then on.
    void open(Ear& ear) {
        ASSERT_TRUE(acquire(ear).queued);
        ASSERT_TRUE(support::poll_until([&] { return ear.polls() == 1; }));
        ASSERT_TRUE(acquire(ear).told);
    }
    int subscribers() {
        const std::string clients = server_.cli("CLIENT", "LIST", "TYPE", "pubsub");
        return static_cast<int>(std::count(clients.begin(), clients.end(), '\n'));
    }

    support::RedisServer server_;
    std::shared_ptr<Backend> backend_ =
        make_redis_backend({.url = server_.url(), .connect_timeout = 20s, .command_timeout = 20s});
};

}  // namespace leaselock
