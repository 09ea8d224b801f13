// What a server's scripts did to one key, done on the model's store as well: the holder, the places
// and their order must be the same, and the fence rises where the model's does.
//
// The time of the model stands still: what lives, lives for seconds, and is used up or refreshed
// before. On a machine on which it was not, what comes behind is not compared.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <gtest/gtest.h>
#include <map>
#include <string>

#include "model/monitor.hpp"
#include "model/store.hpp"
#include "redis_scripts.hpp"

namespace leaselock::model {

// What the server has for one key, as far as its scripts wrote it.
struct Written {
    std::string holder{};
    Words queue{};
    std::int64_t fence = 0;

    void take(const Words& effect, const Words& keys) {
        const std::string& verb = effect.front();
        if (verb == "SET" && effect[1] == keys[0]) holder = effect[2];
        if (verb == "DEL" && effect[1] == keys[0]) holder.clear();
        if (verb == "RPUSH") queue.push_back(effect[2]);
        if (verb == "LREM") std::erase(queue, effect[3]);
        if (verb == "SET" && effect[1] != keys[0]) fence = std::stoll(effect[2]);
    }
};

// The same on the model's store.
class Replay {
  public:
    // False: not compared, since something may have ended by itself.
    [[nodiscard]] bool step(const Ran& ran) {
        const std::string& script = ran.words[1];
        const auto key_count = static_cast<std::size_t>(std::stoi(ran.words[2]));
        const Words keys{ran.words.begin() + 3,
                         ran.words.begin() + 3 + static_cast<std::ptrdiff_t>(key_count)};
        const Words arguments{ran.words.begin() + 3 + static_cast<std::ptrdiff_t>(key_count),
                              ran.words.end()};
        // Unknown to the server, and sent again with its text.
        if (ran.effects.empty()) return true;
        const Fence before = store_.fence;
        const std::int64_t fence_before = written_.fence;
        for (const Words& effect : ran.effects) written_.take(effect, keys);
        const Token token = known(arguments[0]);
        if (script == redis::scripts::acquire_sha1 || script == redis::scripts::acquire_text) {
            run_acquire(ran, token, arguments);
        } else if (script == redis::scripts::renew_sha1 || script == redis::scripts::renew_text) {
            ++seen["renewed"];
            static_cast<void>(renew(store_, token, lengthy));
        } else {
            run_release(ran, token);
        }
        compare(store_.fence != before, fence_before);
        forget_the_gone();
        return is_young(ran.time);
    }

    std::map<std::string, int> seen{};

  private:
    static constexpr Ticks lengthy = 100;
    static constexpr auto life = 2500ms;  // half a second less than that of a place

    void run_acquire(const Ran& ran, Token token, const Words& arguments) {
        // A script that goes no further than the time has found it stale.
        const bool stale = ran.effects.size() == 1;
        const bool waits = arguments.size() > 3;
        if (stale) {
            EXPECT_GT(ran.time + 100ms, std::chrono::microseconds{std::stoll(arguments[2])});
        }
        const AcquireAnswer answer =
            acquire(store_, {token, lengthy, small(stale ? -1 : 1), waits ? lengthy : small(0)});
        ++seen[answer.what == AcquireAnswer::granted ? "granted"
               : answer.what == AcquireAnswer::stale ? "stale"
               : answer.holder == nobody             ? "turn"
                                                     : "held"];
        if (answer.what == AcquireAnswer::held && waits) refreshed_[arguments[0]] = ran.time;
        if (answer.what == AcquireAnswer::granted) handed_at_ = {};
    }

    // Whom the script asked for, and did not tell, was deaf.
    void run_release(const Ran& ran, Token token) {
        unsigned deaf = 0;
        Token asked = nobody;
        for (const Words& effect : ran.effects) {
            if (effect[0] == "HGET") asked = known(effect[2]);
            if (effect[0] == "PUBSUB") deaf |= 1U << asked;
            if (effect[0] == "PUBLISH") deaf &= ~(1U << asked);
        }
        const ReleaseAnswer answer = release(store_, {token, 0, lengthy, deaf});
        ++seen[answer.handed_to != nobody ? "handed over" : answer.released ? "released" : "left"];
        if (deaf != 0) ++seen["deaf"];
        if (answer.handed_to != nobody) handed_at_ = ran.time;
    }

    void compare(bool rises, std::int64_t fence_before) {
        EXPECT_EQ(written_.holder, text_of(store_.holder));
        Words places;
        for (int i = 0; i < store_.places; ++i) places.push_back(text_of(store_.queue[i].token));
        EXPECT_EQ(written_.queue, places);
        if (rises) {
            EXPECT_GT(written_.fence, fence_before);
        } else {
            EXPECT_EQ(written_.fence, fence_before);
        }
    }

    // Tokens are many, and those that the store knows are few.
    Token known(const std::string& text) {
        const auto found = tokens_.find(text);
        if (found != tokens_.end()) return found->second;
        Token token = 0;
        while (std::any_of(tokens_.begin(), tokens_.end(),
                           [&](const auto& each) { return each.second == token; })) {
            ++token;
        }
        tokens_.emplace(text, token);
        return token;
    }
    [[nodiscard]] std::string text_of(Token token) const {
        for (const auto& [text, each] : tokens_) {
            if (each == token) return text;
        }
        return {};
    }
    void forget_the_gone() {
        std::erase_if(tokens_, [&](const auto& each) {
            return store_.holder != each.second && detail::find_place(store_, each.second) < 0;
        });
    }
    [[nodiscard]] bool is_young(std::chrono::microseconds now) const {
        for (const auto& [text, token] : tokens_) {
            const bool waits = detail::find_place(store_, token) >= 0;
            if (waits && now - refreshed_.at(text) > life) return false;
        }
        return store_.holder == nobody || now - handed_at_ < life || handed_at_.count() == 0;
    }

    Store store_{};
    Written written_{};
    std::map<std::string, Token> tokens_{};
    std::map<std::string, std::chrono::microseconds> refreshed_{};
    std::chrono::microseconds handed_at_{0};
};

}  // namespace leaselock::model
