#include "redis/counters.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <string>

#include "redis/codec.hpp"
#include "redis/hash_slot.hpp"
#include "redis/session.hpp"
#include "redis/side_keys.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {
namespace {

using Severity = Finding::Severity;
using Type = wire::RespView::Type;

constexpr std::size_t at_once = 512;  // some 300 us of the server's time
constexpr std::int64_t a_day = 86'400'000'000;

// Some of a kind: the first of them, and how many there are.
struct Found {
    std::string first{};
    std::size_t count = 0;

    void add(const std::string& what) {
        if (count++ == 0) first = what;
    }
    [[nodiscard]] std::string text() const {
        return count < 2 ? first : fmt::format("{}, and {} more", first, count - 1);
    }
};

class Counters {
  public:
    Counters(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock)
        : settings_{settings},
          connection_{clock},
          until_{detail::saturating_add(clock->now(), settings.command_timeout)} {}

    // False: this user may not log in, which examine() has said.
    bool connect(const Clock& clock) {
        std::string why;
        const std::error_code error =
            open_session(connection_, settings_, clock, until_, server_time_, why);
        if (error == Errc::access_denied || error == Errc::not_supported) return false;
        if (error) throw LockError(error, fmt::format("check of {}: {}", settings_.name, why));
        return true;
    }

    // So many of them as one piece has, spread over all. The microseconds of the server's clock are
    // as good as a die.
    [[nodiscard]] std::vector<std::string> draw(std::vector<std::string> names) const {
        const std::size_t step = (names.size() + at_once - 1) / at_once;
        std::vector<std::string> drawn;
        for (auto i = step == 0 ? 0 : static_cast<std::size_t>(server_time_) % step;
             i < names.size(); i += step) {
            drawn.push_back(std::move(names[i]));
        }
        return drawn;
    }

    void read(const std::vector<std::string>& names) {
        std::string out;
        for (const std::string& name : names) {
            wire::append_command(out, std::array<std::string_view, 2>{"GET", name});
        }
        (void)connection_.send(out, until_);  // if that fails, so does the first answer
        for (const std::string& name : names) {
            judge(name, receive_answer(connection_, settings_, until_));
        }
    }

    void tell(std::vector<Finding>& findings) const {
        constexpr std::string_view remedy = "delete it while none of its locks is held";
        if (broken_.count > 0) {
            findings.push_back(
                {Severity::problem, "counter",
                 broken_.text() + ": no number, so the locks of its slot are corrupt",
                 std::string{remedy}});
        }
        if (ahead_.count > 0) {
            findings.push_back({Severity::hint, "counter",
                                ahead_.text() + ": more than a day ahead of the server's clock",
                                "see whether the clock is right; then " + std::string{remedy}});
        }
    }

  private:
    void judge(const std::string& name, const wire::RespValue& answer) {
        if (answer.is_error()) {
            if (classify(answer.text()) == Errc::corrupt) broken_.add(name);
            return;
        }
        if (answer.type() != Type::string) return;
        const std::int64_t value = whole_number(answer.text());
        if (value < 0 || value >= no_limit - 1) {
            broken_.add(name);
        } else if (value > server_time_ + a_day) {
            ahead_.add(name);
        }
    }

    const ConnectionSettings& settings_;
    wire::Connection connection_;
    Clock::time_point until_;
    std::int64_t server_time_ = 0;
    Found broken_{};
    Found ahead_{};
};

}  // namespace

void examine_counters(const ConnectionSettings& settings, const std::shared_ptr<Clock>& clock,
                      std::string_view prefix, CheckDepth depth, std::vector<Finding>& findings,
                      const std::function<bool(std::string_view)>& is_there) {
    std::vector<std::string> names = counters_of(prefix);
    if (is_there) std::erase_if(names, [&](const std::string& each) { return !is_there(each); });
    Counters counters{settings, clock};
    if (!counters.connect(*clock)) return;
    if (depth == CheckDepth::sample) names = counters.draw(std::move(names));
    for (auto from = names.begin(); from != names.end();) {
        const auto rest = static_cast<std::size_t>(names.end() - from);
        const auto to = from + static_cast<std::ptrdiff_t>(std::min(rest, at_once));
        counters.read({from, to});
        from = to;
    }
    counters.tell(findings);
}

}  // namespace leaselock::redis
