// A peer that speaks like Redis as far as a lock needs it: it logs anybody in, tells the time, and
// hands each script call to the test, taken apart. Unless told otherwise it says yes: a grant's
// fencing token is the number at the end of the owner token.
//
// Thread-safety: as ScriptedPeer.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/backend.hpp>

#include "redis_scripts.hpp"
#include "support/scripted_peer.hpp"

namespace leaselock::support {

// A script call as the server sees it.
struct Heard {
    Verb verb = Verb::inspect;
    bool whole_script = false;
    std::size_t keys = 0;
    std::string key{};
    std::string token{};
    std::string number{};      // ttl or keep, in ms
    std::string not_after{};   // of an acquire; of a release: 1 asks for the time
    std::string entry_life{};  // of an acquire that waits, in ms
};

[[nodiscard]] inline Verb verb_of(std::string_view script) {
    namespace scripts = redis::scripts;
    if (script == scripts::acquire_sha1 || script == scripts::acquire_text) return Verb::acquire;
    if (script == scripts::renew_sha1 || script == scripts::renew_text) return Verb::renew;
    for (const std::string_view each :
         {scripts::release_sha1, scripts::release_text, scripts::release_uncontended_sha1,
          scripts::release_uncontended_text, scripts::release_lock_alone_sha1,
          scripts::release_lock_alone_text}) {
        if (script == each) return Verb::release;
    }
    return Verb::inspect;
}

[[nodiscard]] inline Heard heard(const ScriptedPeer::Command& command) {
    const auto word = [&](std::size_t i) {
        return i < command.size() ? command[i] : std::string{};
    };
    const std::size_t keys = std::stoul(word(2));
    const std::size_t first = 3 + keys;
    return {.verb = verb_of(word(1)),
            .whole_script = word(0) == "EVAL",
            .keys = keys,
            .key = word(3),
            .token = word(first),
            .number = word(first + 1),
            .not_after = word(first + 2),
            .entry_life = word(first + 3)};
}

[[nodiscard]] inline std::int64_t wall_clock_us() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

[[nodiscard]] inline std::string granted(const std::string& fence) {
    return "*3\r\n:1\r\n:" + std::to_string(wall_clock_us()) + "\r\n:" + fence + "\r\n";
}

[[nodiscard]] inline std::string held_by(const std::string& holder, int remaining_ms) {
    return "*6\r\n:0\r\n:" + std::to_string(wall_clock_us()) + "\r\n$" +
           std::to_string(holder.size()) + "\r\n" + holder +
           "\r\n:" + std::to_string(remaining_ms) + "\r\n:1\r\n:0\r\n";
}

[[nodiscard]] inline std::string stale() {
    return "*2\r\n:-1\r\n:" + std::to_string(wall_clock_us()) + "\r\n";
}

// What a server says when all is well.
[[nodiscard]] inline Answer yes(const Heard& call) {
    switch (call.verb) {
        case Verb::acquire: {
            const std::string digits = call.token.substr(call.token.find('/') + 1);
            const bool is_number = digits.find_first_not_of("0123456789") == std::string::npos;
            return Answer::reply(granted(is_number && digits.size() < 10 ? digits : "1"));
        }
        case Verb::inspect: return Answer::reply("*2\r\n:0\r\n:0\r\n");
        case Verb::release:
            if (call.not_after != "1") break;
            return Answer::reply("*2\r\n:1\r\n:" + std::to_string(wall_clock_us()) + "\r\n");
        default: break;
    }
    return Answer::reply(":1\r\n");
}

class LockPeer {
  public:
    LockPeer() { on_call(yes); }

    // Decides on each script call from now on.
    void on_call(std::function<Answer(const Heard&)> handler) {
        peer_.on_command([handler = std::move(handler)](const ScriptedPeer::Command& command) {
            if (command.at(0) == "TIME") return Answer::reply(time_of_day());
            if (command.at(0).substr(0, 4) != "EVAL") return Answer::reply("+OK\r\n");
            return handler(heard(command));
        });
    }
    // The next calls get these answers, one each, all later ones a yes.
    void script(std::vector<Answer> answers) {
        on_call([answers = std::move(answers), next = std::size_t{0}](const Heard& call) mutable {
            return next < answers.size() ? answers[next++] : yes(call);
        });
    }

    // The script calls since the start, in order.
    [[nodiscard]] std::vector<Heard> calls() const {
        std::vector<Heard> result;
        for (const ScriptedPeer::Command& command : peer_.commands()) {
            if (command.at(0).substr(0, 4) == "EVAL") result.push_back(heard(command));
        }
        return result;
    }
    [[nodiscard]] ScriptedPeer& peer() noexcept { return peer_; }

  private:
    static std::string time_of_day() {
        const std::string us = std::to_string(wall_clock_us());
        const std::size_t seconds = us.size() - 6;
        return "*2\r\n$" + std::to_string(seconds) + "\r\n" + us.substr(0, seconds) + "\r\n$6\r\n" +
               us.substr(seconds) + "\r\n";
    }

    ScriptedPeer peer_;
};

}  // namespace leaselock::support
