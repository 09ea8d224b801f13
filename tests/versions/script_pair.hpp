// One command as a script of the version before and as one of ours, each at a key of its own on one
// server; what they answered and left there, in words that are the same if they did the same.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "model/script_peer.hpp"
#include "redis_scripts.hpp"
#include "versions/former_scripts.hpp"

namespace leaselock::versions {

using Words = std::vector<std::string>;

// What one side says: words, and times in ms that may differ by what a machine is busy for.
struct Said {
    std::string words;
    std::vector<std::int64_t> times;

    [[nodiscard]] std::string text() const {
        std::string all = words;
        for (const std::int64_t each : times) all += ", " + std::to_string(each) + " ms";
        return all;
    }
};

[[nodiscard]] inline bool is_same(const Said& one, const Said& other) {
    const auto are_near = [](std::int64_t a, std::int64_t b) { return std::llabs(a - b) <= 5000; };
    return one.words == other.words && std::equal(one.times.begin(), one.times.end(),
                                                  other.times.begin(), other.times.end(), are_near);
}

class ScriptPair {
  public:
    enum Side : std::uint8_t { former, present };
    static constexpr std::array sides{former, present};

    ScriptPair(support::RedisServer& server, const char* former_folder)
        : peer_{server}, former_{former_folder} {}

    void use(int number) { number_ = std::to_string(number); }
    [[nodiscard]] std::string key(Side side) const {
        return (side == former ? "former:" : "present:") + number_;
    }
    // Of each side its own; 'q', 'w', 'h', and 'c' or 'f' for where the fences are.
    [[nodiscard]] std::string side_key(Side side, char letter) const {
        return letter == 'c' ? "the counter of all" : former_key(key(side), letter);
    }
    [[nodiscard]] std::string channel(Side side, int number) const {
        return key(side) + ":channel-" + std::to_string(number);
    }

    // The fence of a grant, or 0, goes to `fence`. A channel is meant by "#<number>".
    [[nodiscard]] Said run(Side side, const std::string& script, Words arguments,
                           std::int64_t& fence) {
        Words keys{key(side)};
        for (const char letter : letters_of(side, script)) keys.push_back(side_key(side, letter));
        for (std::string& each : arguments) {
            if (each.starts_with('#')) each = channel(side, each[1] - '0');
        }
        fence = 0;
        try {
            if (side == present && script == "release" && is_uncontended(arguments)) {
                return {"1", {}};
            }
            return words_for(script, peer_.run(text_of(side, script), keys, arguments), fence);
        } catch (const std::runtime_error& error) {
            const std::string text = error.what();
            return {"error " + text.substr(0, text.find(' ')), {}};
        }
    }

    // All that lies under the key and beside it, but for ends and times.
    [[nodiscard]] Said inspect(Side side) {
        static const std::string script = R"(
            local out = {redis.call('GET', KEYS[1]) or 'nothing'}
            local function add(items)
              table.sort(items)
              for _, item in ipairs(items) do out[#out + 1] = item end
              out[#out + 1] = ';'
            end
            for _, token in ipairs(redis.call('LRANGE', KEYS[2], '0', '-1')) do
              out[#out + 1] = token
            end
            local entries, all = {}, redis.call('HGETALL', KEYS[3])
            for i = 1, #all, 2 do
              local rest = string.gsub(string.gsub(all[i + 1], '^%d+', ''), '%a+:(%d+:channel)', '%1')
              entries[#entries + 1] = all[i] .. '=' .. rest
            end
            add(entries)
            add(redis.call('ZRANGE', KEYS[4], '0', '-1'))
            local times = {table.concat(out, ' ')}
            for _, key in ipairs(KEYS) do times[#times + 1] = redis.call('PTTL', key) end
            return times)";
        const auto reply = peer_.run(
            script, {key(side), side_key(side, 'q'), side_key(side, 'w'), side_key(side, 'h')}, {});
        Said said{std::string(reply.at(0).text()), {}};
        for (std::size_t i = 1; i < reply.size(); ++i) said.times.push_back(reply.at(i).integer());
        return said;
    }

    void command(const Words& words) { static_cast<void>(peer_.ask(words)); }

  private:
    [[nodiscard]] static std::string letters_of(Side side, const std::string& script) {
        const bool is_whole = script == "acquire";
        if (side == present) {
            return script == "renew" ? "" : script == "inspect" ? "cqh" : is_whole ? "cqw" : "cqwh";
        }
        if (script.ends_with("release")) return "wqfh";
        if (script == "renew") return "w";
        if (script == "share_renew") return "whfq";
        return script == "inspect" ? "fqh" : is_whole ? "fqw" : "fqwh";
    }
    [[nodiscard]] std::string text_of(Side side, const std::string& script) {
        namespace ours = redis::scripts;
        if (side == former) return former_.text(script);
        const std::pair<std::string_view, std::string_view> all[] = {
            {"acquire", ours::acquire_text},
            {"renew", ours::renew_text},
            {"release", ours::release_text},
            {"inspect", ours::inspect_text},
            {"share_acquire", ours::share_acquire_text},
            {"share_renew", ours::share_renew_text},
            {"share_release", ours::share_release_text},
            {"latch", ours::latch_text},
            {"latch_reset", ours::latch_reset_text}};
        const auto* const found = std::find_if(
            std::begin(all), std::end(all), [&](const auto& each) { return each.first == script; });
        return std::string(found->second);
    }

    // As after a grant at the first try: by two keys, and by all if that does nothing.
    [[nodiscard]] bool is_uncontended(const Words& arguments) {
        if (arguments.size() != 2 || arguments[1] != "0") return false;
        const auto reply = peer_.run(redis::scripts::release_uncontended_text,
                                     {key(present), side_key(present, 'q')}, {arguments.front()});
        return reply.integer() == 1;
    }

    // Fences differ, and so may the form of a grant.
    static Said words_for(const std::string& script, const wire::RespValue& reply,
                          std::int64_t& fence) {
        const bool acquires = script.ends_with("acquire") || script == "latch";
        const auto number = [&](std::size_t i) { return reply.at(i).integer(); };
        if (reply.size() == 0) {
            fence = acquires ? reply.integer() : 0;
            return {acquires ? "granted" : std::to_string(reply.integer()), {}};
        }
        if (script == "inspect") {
            if (number(0) == 0) return {"free " + std::to_string(number(1)), {}};
            return {std::string(reply.at(1).text()) + " " + std::to_string(number(4)) + " " +
                        std::to_string(number(5)),
                    {number(2)}};
        }
        if (acquires && number(0) == 1) {
            fence = script == "latch" ? 0 : number(2);
            return {"granted", {}};
        }
        if (acquires && number(0) == 0) {
            return {"held " + std::string(reply.at(2).text()) + " " + std::to_string(number(5)),
                    {number(3)}};
        }
        return {std::to_string(number(0)) + " and the time", {}};
    }

    model::ScriptPeer peer_;
    FormerScripts former_;
    std::string number_{};
};

}  // namespace leaselock::versions
