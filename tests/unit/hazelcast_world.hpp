// A Client of Hazelcast without a socket: what it sends is taken apart, and answered as the test
// says; time passes when the test says so.
//
// Thread-safety: none.
#pragma once

#include <chrono>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <leaselock/backend.hpp>

#include "hazelcast/client.hpp"

namespace leaselock::hazelcast {

using namespace std::chrono_literals;

struct Asked {
    Ask what{};
    std::uint64_t correlation = 0;
    std::string numbers;  // the fixed parameters
    std::string lock;     // the last text

    [[nodiscard]] std::uint64_t number(std::size_t at) const { return *number_at(numbers, at, 8); }
    [[nodiscard]] std::uint64_t session() const { return number(0); }
    [[nodiscard]] std::uint64_t thread() const { return number(8); }
    [[nodiscard]] Uuid call() const { return {number(17), number(25)}; }
    [[nodiscard]] bool waits() const { return what == Ask::try_lock && number(33) > 0; }
};

inline std::string token_of(int n) { return fmt::format("me:1/{:016x}{:016x}", n, 0xABCDEF); }

struct Question {
    Question(Verb verb, int n, std::string its_key = "key")
        : key{std::move(its_key)}, token{token_of(n)} {
        request.verb = verb;
        request.key = key;
        request.token = token;
        request.ttl = 30s;
        request.entry_life = 3s;
    }
    std::string key;
    std::string token;
    Request request{};
    std::optional<Operation> operation{};
    Submitter submitter = Submitter::goes_on;

    [[nodiscard]] const Reply& reply() const { return operation->reply; }
    [[nodiscard]] bool done() const { return operation->done(); }
};

class World {
  public:
    World() { connect(); }

    void connect(std::uint64_t cluster = 1) {
        client.connected({cluster, 1}, now);
        answer_group();
    }
    void answer_group(const std::string& name = "default", std::uint64_t id = 7) {
        for (const Asked& each : asked()) {
            if (each.what == Ask::watch_cluster) {
                (void)answer(each);
                continue;
            }
            if (each.what != Ask::create_group) {
                kept_.push_back(each);
                continue;
            }
            std::string bytes;
            Writer{bytes, number_of(each.what) + 1, each.correlation}
                .begin()
                .frame(0)
                .i64(0)
                .i64(id)
                .text(name)
                .end()
                .finish();
            is_fit = give(bytes);
        }
    }
    void disconnect() {
        client.disconnected(Errc::connection_lost, "cut", now);
        (void)asked();
        complete();
    }

    void submit(Question& question) {
        question.request.submitted = now;
        question.operation.emplace(question.request);
        question.operation->submitter = question.submitter;
        client.submit(*question.operation, now);
        complete();
    }
    // What was sent since.
    std::vector<Asked> asked() {
        Assembler assembler;
        assembler.feed(std::exchange(client.out(), {}));
        std::vector<Asked> all = std::exchange(kept_, {});
        Message message;
        while (assembler.next(message) == Assembler::Result::message) {
            const std::string_view first = message.at(0).content;
            Asked one{static_cast<Ask>(message.type()),
                      message.correlation(),
                      std::string{first.substr(16)},
                      {}};
            for (std::size_t i = 1; i < message.size(); ++i) {
                if (!message.at(i).content.empty()) one.lock = message.at(i).content;
            }
            all.push_back(one);
        }
        return all;
    }
    // The newest unlock of that token since. Heartbeats are answered.
    std::optional<Asked> unlock_of(std::uint64_t thread) {
        std::optional<Asked> unlock;
        for (const Asked& each : asked()) {
            if (each.what == Ask::unlock && each.thread() == thread) unlock = each;
            if (each.what == Ask::heartbeat) {
                EXPECT_TRUE(answer(each));
            }
        }
        return unlock;
    }
    bool has_unlocked(std::uint64_t thread) { return unlock_of(thread).has_value(); }
    // The connection is lost, and another one comes: the wait that is sent again there.
    Asked wait_again() {
        disconnect();
        connect();
        for (const Asked& each : asked()) {
            if (each.waits()) return each;
        }
        ADD_FAILURE() << "no wait is sent again";
        return {};
    }
    // How many unlocks of that token were sent since. The cluster finds that it does not own the
    // lock; all but tries and questions for the owner is answered.
    int refuse_unlocks(std::uint64_t thread) {
        constexpr std::uint64_t not_owner = 26;
        int count = 0;
        for (const Asked& each : asked()) {
            if (each.what == Ask::unlock && each.thread() == thread) {
                ++count;
                EXPECT_TRUE(refuse(each, not_owner));
            } else if (each.what != Ask::try_lock && each.what != Ask::ownership) {
                EXPECT_TRUE(answer(each, std::string(each.what == Ask::unlock ? 1 : 0, '\0')));
            }
        }
        return count;
    }
    // The same, while the time passes.
    int refuse_unlocks(std::uint64_t thread, std::chrono::seconds time) {
        int count = refuse_unlocks(thread);
        for (; time > 0s; time -= 1s) {
            pass(1s);
            count += refuse_unlocks(thread);
        }
        return count;
    }
    // The one thing that was sent, which is of that kind.
    Asked ask(Ask what) {
        const std::vector<Asked> all = asked();
        EXPECT_EQ(all.size(), 1U);
        if (all.empty()) return {};
        EXPECT_EQ(all.front().what, what);
        return all.front();
    }

    // Answers: numbers after the head of answers.
    bool answer(const Asked& to, const std::string& numbers = {}) {
        return give(first(number_of(to.what) + 1, to.correlation, numbers));
    }
    bool answer(const Asked& to, std::uint64_t number) { return answer(to, bytes_of(number, 8)); }
    bool answer_owner(const Asked& to, std::uint64_t fence, std::uint64_t session = 0,
                      std::uint64_t thread = 0) {
        return answer(to, bytes_of(fence, 8) + bytes_of(session == 0 ? 0 : 1, 4) +
                              bytes_of(session, 8) + bytes_of(thread, 8));
    }
    bool refuse(const Asked& to, std::uint64_t code, const std::string& name = "a.Exception",
                const std::string& text = "its text") {
        std::string bytes = first(0, to.correlation, {}, 0);
        std::string rest;
        Writer writer{rest, 0, 0};
        const std::size_t skip = rest.size();
        writer.begin()
            .begin()
            .frame(0)
            .number(code, 4)
            .text(name)
            .text(text)
            .begin()
            .end()
            .end()
            .end()
            .finish();
        return give(bytes + rest.substr(skip));
    }
    bool give(const std::string& bytes) {
        Assembler assembler;
        assembler.feed(bytes);
        Message message;
        EXPECT_EQ(assembler.next(message), Assembler::Result::message);
        const bool is_well = client.received(message, now);
        complete();
        return is_well;
    }
    void pass(std::chrono::milliseconds time) {
        now += time;
        is_alive = client.tick(now);
        complete();
    }

    // A session of 10 s, whose number it gives, with a heartbeat each 2 s.
    std::uint64_t open_session() { return open_session(ask(Ask::create_session)); }
    std::uint64_t open_session(const Asked& create) {
        const std::uint64_t session = ++sessions;
        EXPECT_TRUE(answer(create, bytes_of(session, 8) + bytes_of(10'000, 8) + bytes_of(2000, 8)));
        return session;
    }
    // The first lock of this world is acquired by that token.
    void acquire_first(int n, std::uint64_t fence, const std::string& key = "key") {
        Question question{Verb::acquire, n, key};
        submit(question);
        open_session();
        EXPECT_TRUE(answer(ask(Ask::try_lock), fence));
        EXPECT_EQ(question.reply().outcome, Outcome::granted);
    }
    void acquire_next(int n, std::uint64_t fence, const std::string& key) {
        Question question{Verb::acquire, n, key};
        submit(question);
        EXPECT_TRUE(answer(ask(Ask::try_lock), fence));
        EXPECT_EQ(question.reply().outcome, Outcome::granted);
    }

    // The bytes of an answer.
    static std::string answer_of(const Asked& to, const std::string& numbers) {
        return first(number_of(to.what) + 1, to.correlation, numbers);
    }
    void complete_all() { complete(); }

    static std::string bytes_of(std::uint64_t value, std::size_t count) {
        std::string out;
        for (std::size_t i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i));
        return out;
    }

    Clock::time_point now{1000s};
    Client client{settings_of({}), "test"};
    bool is_fit = true;
    bool is_alive = true;
    std::uint64_t sessions = 0;
    std::size_t wake_ups = 0;  // that came out, for whom nothing is locked any more

  private:
    std::vector<Asked> kept_;  // by answer_group()

    static std::uint32_t number_of(Ask what) { return static_cast<std::uint32_t>(what); }
    static std::string first(std::uint32_t type, std::uint64_t correlation,
                             const std::string& numbers, unsigned last = flag::is_final) {
        const std::string content = bytes_of(type, 4) + bytes_of(correlation, 8) + '\0' + numbers;
        return bytes_of(frame_head + content.size(), 4) + bytes_of(flag::unfragmented | last, 2) +
               content;
    }
    void complete() {
        while (Operation* const operation = client.take_done()) operation->complete();
        wake_ups += client.take_wakes().size();
    }
};

// Somebody who waits for the key of a question.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class Ear final : public Listener {
  public:
    explicit Ear(Question& question) : Listener{question.key, question.token} {
        question.request.listener = this;
    }
    WakeUp handed_over(const HandOff& what) noexcept override {
        messages.push_back(what);
        return {};
    }
    WakeUp poll() noexcept override {
        ++polls;
        return {};
    }
    std::vector<HandOff> messages;
    int polls = 0;
};

// A token that waits for the lock of token 1, and the call by which it does.
struct Waiting {
    explicit Waiting(World& its_world) : world{its_world} {
        world.acquire_first(1, 42);
        world.submit(question);
        const Asked tried = world.ask(Ask::try_lock);
        EXPECT_TRUE(world.answer(tried, 0));
        const auto both = world.asked();
        EXPECT_EQ(both.size(), 2U);
        parked = both.at(0);
        EXPECT_TRUE(parked.waits());
        EXPECT_NE(parked.call(), tried.call()) << "a call that was answered with no stays so";
        EXPECT_TRUE(world.answer_owner(both.at(1), 42, 1, 1));
    }
    // It polls: its question who owns the lock.
    Asked poll(Question& poll) {
        poll.request.listener = &ear;
        world.submit(poll);
        return world.ask(Ask::ownership);
    }

    World& world;
    Question question{Verb::acquire, 2};
    Ear ear{question};
    Asked parked;
};

}  // namespace leaselock::hazelcast
