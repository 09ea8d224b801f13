#include "redis/sentinel_talk.hpp"

#include <array>
#include <limits>

#include <leaselock/error.hpp>

#include "redis/codec.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

constexpr std::string_view switch_channel = "+switch-master";
using Type = wire::RespView::Type;

void append_login(std::string& out, const Credentials& who) {
    if (who.password.empty()) return;
    const std::string_view user = who.username.empty() ? std::string_view{"default"} : who.username;
    wire::append_command(out, std::array<std::string_view, 3>{"AUTH", user, who.password});
}

std::optional<wire::HostPort> host_port_of(std::string_view host, std::string_view port) {
    const std::int64_t number = whole_number(port);
    if (host.empty() || host.find('\0') != std::string_view::npos || number < 1 ||
        number > std::numeric_limits<std::uint16_t>::max()) {
        return std::nullopt;
    }
    return wire::HostPort{.host = std::string{host}, .port = static_cast<std::uint16_t>(number)};
}

// Of the names and values that the answer has one after the other; -1: it is not among them.
std::int64_t epoch_of(wire::RespView answer) noexcept {
    for (std::size_t i = 0; i + 1 < answer.size(); i += 2) {
        if (answer.at(i).text() == "config-epoch") return whole_number(answer.at(i + 1).text());
    }
    return -1;
}

// What follows the first space, which is cut off `text`.
std::string_view word_of(std::string_view& text) noexcept {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
}

}  // namespace

void append_question(std::string& out, const Credentials& who, std::string_view name) {
    append_login(out, who);
    wire::append_command(
        out, std::array<std::string_view, 3>{"SENTINEL", "GET-MASTER-ADDR-BY-NAME", name});
    wire::append_command(out, std::array<std::string_view, 3>{"SENTINEL", "MASTER", name});
}

bool SentinelAnswers::fail(std::error_code error, std::string why) {
    error_ = error;
    why_ = std::move(why);
    step_ = Step::done;
    return false;
}

// What the server says to a login may repeat a part of the password, so it is not shown.
void SentinelAnswers::take_error(std::string_view text) {
    const Errc error = classify(text);
    if (step_ == Step::login) {
        fail(error == Errc::unexpected_reply ? Errc::authentication_failed : error,
             "it refused the login");
    } else if (error == Errc::not_supported) {
        fail(error, "it is no Sentinel: " + quote(text));
    } else {
        fail(error == Errc::unexpected_reply ? Errc::connect_failed : error, quote(text));
    }
}

bool SentinelAnswers::take(wire::RespView answer) {
    if (answer.is_error()) {
        take_error(answer.text());
        return false;
    }
    switch (step_) {
        case Step::login:
            if (answer.type() != Type::status) break;
            step_ = Step::address;
            return true;
        case Step::address: {
            if (answer.type() == Type::nil ||
                (answer.type() == Type::array && answer.size() == 0)) {
                return fail(Errc::unknown_master, "it knows no master of this name");
            }
            auto where = host_port_of(answer.at(0).text(), answer.at(1).text());
            if (answer.size() != 2 || !where) break;
            master_.where = *std::move(where);
            step_ = Step::epoch;
            return true;
        }
        case Step::epoch:
            master_.epoch = epoch_of(answer);
            if (master_.epoch < 0) break;
            step_ = Step::done;
            return false;
        case Step::done: return false;
    }
    return fail(Errc::connect_failed, "it does not answer as a Sentinel does");
}

void append_subscription(std::string& out, const Credentials& who) {
    append_login(out, who);
    wire::append_command(out, std::array<std::string_view, 2>{"SUBSCRIBE", switch_channel});
}

// "name old-host old-port new-host new-port"
std::optional<wire::HostPort> switched_to(wire::RespView message, std::string_view name) {
    if (message.size() != 3 || message.at(0).text() != "message" ||
        message.at(1).text() != switch_channel) {
        return std::nullopt;
    }
    std::string_view rest = message.at(2).text();
    if (word_of(rest) != name) return std::nullopt;
    word_of(rest);
    word_of(rest);
    const std::string_view host = word_of(rest);
    return host_port_of(host, rest);
}

}  // namespace leaselock::redis
