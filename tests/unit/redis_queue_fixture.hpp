// A real server whose queue of one lock is asked through a CommandChannel and looked into out of
// band; a subscriber of its own hears the hand-offs.
//
// Thread-safety: one thread at a time.
#pragma once

#include <array>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "fault/channel_call.hpp"
#include "redis/command_channel.hpp"
#include "redis/hand_off_subscriber.hpp"
#include "support/counter_key.hpp"
#include "support/free_port.hpp"
#include "support/redis_server.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
using Words = std::vector<std::string>;

// Of which 11 bytes are the prefix.
inline constexpr const char* lock_key = "hazel:lock:key";
inline const std::string fence_key = support::counter_key("hazel:lock:", "key");
inline constexpr const char* queue_key = "{hazel:lock:key}:ll:2q";
inline constexpr const char* waiters_key = "{hazel:lock:key}:ll:2w";
inline constexpr const char* our_channel = "leaselock:ours";

// The redis layer alone: nothing is notified.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class DeafListener final : public Listener {
  public:
    using Listener::Listener;
    WakeUp handed_over(const HandOff&) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};

// Hears a channel, as a subscriber would.
class Subscriber {
  public:
    Subscriber(const wire::Endpoint& endpoint, const std::string& channel) {
        std::string why;
        std::string out;
        wire::append_command(out, std::array<std::string_view, 2>{"SUBSCRIBE", channel});
        EXPECT_FALSE(connection_.open(endpoint, boot_clock()->now() + enough, why)) << why;
        EXPECT_FALSE(connection_.send(out, boot_clock()->now() + enough).error);
        EXPECT_EQ(next(enough), "1");
    }
    // What comes next, or "" if nothing has come. Whatever a release published is there when the
    // release is answered, but may still be on its way through the socket.
    std::string next(milliseconds patience) {
        wire::RespValue reply;
        if (connection_.receive(reply, boot_clock()->now() + patience) != wire::Received::reply) {
            return {};
        }
        const wire::RespView last = reply.at(2);
        return last.type() == wire::RespView::Type::integer ? std::to_string(last.integer())
                                                            : std::string{last.text()};
    }

  private:
    wire::Connection connection_{boot_clock()};
};

class RedisQueue : public ::testing::Test {
  protected:
    explicit RedisQueue(support::WallClock clock = support::WallClock::real) : server_{{}, clock} {}

    Reply ask(CommandChannel& channel, const Request& request) {
        Operation operation{request};
        operation.submitter = Submitter::helps;
        channel.submit(operation);
        while (!operation.done()) (void)channel.help(operation, operation.request.deadline);
        return operation.reply;
    }
    // With a queue entry that lives so long; 0: without.
    Reply acquire(CommandChannel& channel, HandOffSubscriber& subscriber, const std::string& token,
                  milliseconds entry_life, milliseconds ttl = 30s) {
        DeafListener waiter{lock_key, token};
        Reply reply = ask(channel, {.verb = Verb::acquire,
                                    .key = lock_key,
                                    .prefix = 11,
                                    .token = token,
                                    .ttl = ttl,
                                    .listener = entry_life == 0ms ? nullptr : &waiter,
                                    .entry_life = entry_life,
                                    .submitted = boot_clock()->now()});
        subscriber.forget(waiter);
        return reply;
    }
    Reply acquire(CommandChannel& channel, const std::string& token, milliseconds entry_life = 0ms,
                  milliseconds ttl = 30s) {
        return acquire(channel, subscriber_, token, entry_life, ttl);
    }
    Reply acquire(const std::string& token, milliseconds entry_life = 0ms, milliseconds ttl = 30s) {
        return acquire(commands_, token, entry_life, ttl);
    }
    Reply release(const std::string& token, milliseconds keep = 0ms) {
        return ask(commands_, {.verb = Verb::release,
                               .key = lock_key,
                               .prefix = 11,
                               .token = token,
                               .keep = keep,
                               .submitted = boot_clock()->now()});
    }
    Reply release_unqueued(const std::string& token) {
        return ask(commands_, {.verb = Verb::release,
                               .key = lock_key,
                               .prefix = 11,
                               .token = token,
                               .unqueued = true,
                               .submitted = boot_clock()->now()});
    }
    Reply renew(const std::string& token) {
        return ask(commands_, {.verb = Verb::renew,
                               .key = lock_key,
                               .prefix = 11,
                               .token = token,
                               .ttl = 30s,
                               .submitted = boot_clock()->now()});
    }

    void hold(const std::string& token) {
        const Reply reply = acquire(token);
        ASSERT_EQ(reply.outcome, Outcome::granted) << reply.detail;
    }
    void join(const std::string& token, milliseconds entry_life = 1min) {
        const Reply reply = acquire(token, entry_life);
        ASSERT_EQ(reply.outcome, Outcome::held) << reply.detail;
        ASSERT_TRUE(reply.queued);
    }
    // An entry that has lived, and that nobody has taken out yet.
    void leave_dead(const std::string& token) {
        join(token);
        server_.cli("HSET", waiters_key, token, "1000000|60000|30000|leaselock:ours");
    }

    std::string holder() { return server_.cli("GET", lock_key); }
    std::string queue() { return server_.cli("LRANGE", queue_key, "0", "-1"); }
    std::string waiters() { return server_.cli("HKEYS", waiters_key); }
    std::int64_t number(const Words& command) { return std::stoll(server_.command(command)); }

    support::RedisServer server_;
    // It names the channel and hears nothing: the tests subscribe themselves.
    HandOffSubscriber subscriber_{settings({"127.0.0.1", support::free_port(), {}}, enough),
                                  boot_clock(), our_channel};
    CommandChannel commands_{settings(server_.endpoint(), enough), boot_clock(), &subscriber_};
};

}  // namespace leaselock::redis
