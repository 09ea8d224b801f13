#include "redis/scan.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include <leaselock/glob.hpp>

#include "lock/key_rule.hpp"
#include "redis/codec.hpp"
#include "redis/session.hpp"
#include "redis/side_keys.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {
namespace {

using Type = wire::RespView::Type;

// How many keys the server looks at for one command: some 100 us of its time.
constexpr std::string_view piece = "1000";

// A walk has an end, whatever the server says: after so many command time-outs, or so many keys.
constexpr int most_timeouts = 60;
constexpr std::size_t most_keys = 1'000'000;

bool is_cursor(wire::RespView element) noexcept {
    const std::string_view text = element.text();
    return element.type() == Type::string && !text.empty() && text.size() <= 20 &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

class Walk {
  public:
    Walk(const ConnectionSettings& settings, std::shared_ptr<Clock> clock)
        : settings_{settings},
          clock_{std::move(clock)},
          ends_{detail::saturating_add(clock_->now(), settings.command_timeout * most_timeouts)},
          connection_{clock_} {}

    void connect() {
        const auto time = std::min(settings_.connect_timeout, settings_.command_timeout);
        std::string why;
        std::int64_t server_time = 0;
        const std::error_code error =
            open_session(connection_, settings_, *clock_,
                         detail::saturating_add(clock_->now(), time), server_time, why);
        if (error) fail(error, why);
    }

    // One piece. False: it was the last.
    bool step(std::string_view match, std::vector<std::string>& keys) {
        const std::array<std::string_view, 6> words{"SCAN", cursor_, "MATCH",
                                                    match,  "COUNT", piece};
        std::string out;
        wire::append_command(out, words);
        const Clock::time_point now = clock_->now();
        if (now >= ends_) {
            fail(Errc::command_timed_out,
                 fmt::format("the walk through all keys has no end after {} command time-outs",
                             most_timeouts));
        }
        const auto until = detail::saturating_add(now, settings_.command_timeout);
        (void)connection_.send(out, until);  // if that fails, so does the answer
        const wire::RespValue answer = receive_answer(connection_, settings_, until);
        if (answer.is_error()) fail(classify(answer.text()), quote(answer.text()));
        const wire::RespView found = answer.at(1);
        if (answer.size() != 2 || !is_cursor(answer.at(0)) || found.type() != Type::array) {
            fail(Errc::protocol_error, "the answer is none that SCAN has");
        }
        for (std::size_t i = 0; i < found.size(); ++i) {
            const std::string_view key = found.at(i).text();
            if (detail::key_fault(key).empty()) keys.emplace_back(key);
        }
        if (keys.size() > most_keys) {
            fail(Errc::invalid_option,
                 fmt::format("the pattern finds more than {} keys: name fewer", most_keys));
        }
        cursor_ = answer.at(0).text();
        return cursor_ != "0";
    }

  private:
    [[noreturn]] void fail(std::error_code error, std::string_view why) const {
        throw LockError(error, fmt::format("list of {}: {}", settings_.name, why));
    }

    const ConnectionSettings& settings_;
    const std::shared_ptr<Clock> clock_;
    const Clock::time_point ends_;
    wire::Connection connection_;
    std::string cursor_ = "0";
};

}  // namespace

std::vector<std::string> scan(const ConnectionSettings& settings,
                              const std::shared_ptr<Clock>& clock, std::string_view prefix,
                              std::string_view pattern) {
    const std::string match = escape_glob(prefix) + std::string(pattern);
    std::vector<std::string> keys;
    Walk walk{settings, clock};
    walk.connect();
    while (walk.step(match, keys)) {
    }
    return keys;
}

}  // namespace leaselock::redis
