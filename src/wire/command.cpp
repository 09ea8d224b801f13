#include "wire/command.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

namespace leaselock::wire {
namespace {

constexpr std::size_t longest_number = 20;                // with its sign
constexpr std::size_t longest_line = longest_number + 3;  // with a mark before it and "\r\n"

// These write into memory that has room for it, and give the place after it.
char* put_end(char* at) noexcept {
    *at++ = '\r';
    *at++ = '\n';
    return at;
}
char* put_line(char* at, char mark, std::size_t number) noexcept {
    *at++ = mark;
    return put_end(std::to_chars(at, at + longest_number, number).ptr);
}
char* put(char* at, std::string_view text) noexcept {
    return std::copy_n(text.data(), text.size(), at);
}

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): what is not written is not read
CommandWriter::CommandWriter() noexcept
    : first_{near_ + longest_line}, at_{first_}, end_{std::end(near_)} {}

void CommandWriter::make_room(std::size_t room) {
    if (static_cast<std::size_t>(end_ - at_) < room) grow(room);
}

// Of one argument what stands before its text, with room for all of it.
char* CommandWriter::begin(std::size_t size) {
    make_room(longest_line + size + 2);
    ++arguments_;
    return put_line(at_, '$', size);
}

void CommandWriter::grow(std::size_t room) {
    const auto used = static_cast<std::size_t>(at_ - first_);
    std::string larger(longest_line + 2 * (used + room), '\0');
    std::copy_n(first_, used, larger.data() + longest_line);
    far_ = std::move(larger);
    first_ = far_.data() + longest_line;
    at_ = first_ + used;
    end_ = far_.data() + far_.size();
}

void CommandWriter::add(std::string_view text) {
    char* const at = begin(text.size());
    at_ = put_end(put(at, text));
}

void CommandWriter::add(std::string_view first, std::string_view second, std::string_view third) {
    char* const at = begin(first.size() + second.size() + third.size());
    at_ = put_end(put(put(put(at, first), second), third));
}

void CommandWriter::add(std::int64_t number) {
    std::array<char, longest_number> digits;
    const char* const end = std::to_chars(digits.begin(), digits.end(), number).ptr;
    add({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void CommandWriter::add_written(std::string_view arguments, std::size_t count) {
    make_room(arguments.size());
    arguments_ += count;
    at_ = put(at_, arguments);
}

void CommandWriter::append_to(std::string& out) {
    std::array<char, longest_line> line;
    char* const end = put_line(line.data(), '*', arguments_);
    first_ = std::copy_backward(line.data(), end, first_);
    out.append(first_, static_cast<std::size_t>(at_ - first_));
}

void append_command(std::string& out, std::span<const std::string_view> arguments) {
    CommandWriter command;
    for (const std::string_view argument : arguments) command.add(argument);
    command.append_to(out);
}

}  // namespace leaselock::wire
