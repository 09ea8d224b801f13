// Requests to commands and answers to replies: all that leaselock knows of what Redis says, without
// a socket, so that it can be tested and fuzzed alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <leaselock/backend.hpp>
#include <leaselock/error.hpp>

#include "wire/resp_value.hpp"

namespace leaselock::redis {

// Server time in microseconds; later than any.
inline constexpr std::int64_t no_limit = std::int64_t{1} << 53;

// A command names as few keys as are enough: which, docs/internals/protocol.md says. Only a release
// may have to be sent in another form than the common one.
enum class Form : std::uint8_t {
    common,
    all_keys,    // after a common release has done nothing
    lock_alone,  // after TRYAGAIN: in a slot that moves no other release can run
};

// Appends the command for `request`: EVALSHA, or EVAL with the whole script. An acquire does
// nothing if the server runs it after `not_after`. One with a listener takes an entry, and its
// owner is notified of a hand-off by the channel; without a channel it takes none.
void append_request(std::string& out, const Request& request, bool whole_script,
                    std::int64_t not_after, std::string_view channel, Form form = Form::common);

// A hand-off as the scripts tell it, to one waiter or to several. The fence is the first one's;
// that of each other is one above that of the one before.
struct HandOffMessage {
    std::string_view tokens;  // a part of the text: tokens with ',' between them
    HandOff what;
};
// Empty if the text is not one.
[[nodiscard]] std::optional<HandOffMessage> decode_hand_off(std::string_view text) noexcept;

// Whether the server asks for the whole script.
[[nodiscard]] bool wants_script(wire::RespView answer) noexcept;

// The form in which the command is to be sent again, if the answer to it, in the form `sent`, says
// so. It did nothing.
[[nodiscard]] std::optional<Form> next_form(const Request& request, Form sent,
                                            wire::RespView answer) noexcept;

// Whether the server refused the command for want of a right before it began.
[[nodiscard]] bool never_ran(wire::RespView answer) noexcept;

// Fills in `reply`, of which nothing was filled in but `not_after`. Errc::protocol_error: `answer`
// is none that the command of append_request for the request and the channel can have, so it is the
// answer to something else, or a lie. Gives the server's time in microseconds if the answer tells
// it, else 0.
std::int64_t decode(const Request& request, std::string_view channel, wire::RespView answer,
                    Reply& reply, Form form = Form::common);

// What an error of the server means, by its first words. Errc::unexpected_reply: not known, so it
// may have done something.
[[nodiscard]] Errc classify(std::string_view error) noexcept;

// The text as a number in digits; -1 if it is none.
[[nodiscard]] std::int64_t whole_number(std::string_view text) noexcept;
// The digits that the text begins with; 0 if it begins with none.
[[nodiscard]] std::int64_t leading_number(std::string_view text) noexcept;

// The server's words for a message: cut short, made printable, and without the
// arguments that it repeats of a command that it does not know, for tokens and passwords are among
// them.
[[nodiscard]] std::string quote(std::string_view error);

}  // namespace leaselock::redis
