// Commands as bytes. Several commands appended to one string are a pipeline.
//
// Thread-safety: an object is one thread's; the function has no state.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace leaselock::wire {

// Writes one command, argument by argument. It takes memory from the heap for a large one only.
class CommandWriter {
  public:
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): what is not written is not read
    CommandWriter() noexcept : first_{near_ + longest_line}, at_{first_}, end_{std::end(near_)} {}
    CommandWriter(const CommandWriter&) = delete;
    CommandWriter& operator=(const CommandWriter&) = delete;
    ~CommandWriter() = default;

    // Each adds one argument, of any bytes. May throw bad_alloc.
    void add(std::string_view text) { at_ = put_end(put(begin(text.size()), text)); }
    void add(std::string_view first, std::string_view second, std::string_view third) {
        char* const at = begin(first.size() + second.size() + third.size());
        at_ = put_end(put(put(put(at, first), second), third));
    }
    void add(std::int64_t number) {  // in digits
        make_room(longest_line + longest_number + 2);
        std::array<char, longest_number> digits;
        const char* const end = std::to_chars(digits.begin(), digits.end(), number).ptr;
        char* const at = begin(static_cast<std::size_t>(end - digits.data()));
        std::memcpy(at, digits.data(), longest_number);
        at_ = put_end(at + (end - digits.data()));
    }

    // So many arguments that were written before.
    template <std::size_t Size>
    void add_written(const std::array<char, Size>& arguments, std::size_t count) {
        make_room(Size);
        arguments_ += count;
        std::memcpy(at_, arguments.data(), Size);
        at_ += Size;
    }

    // Once, after at least one argument. Throws std::bad_alloc, and then leaves `out` as it was.
    void append_to(std::string& out) {
        std::array<char, longest_line> line;
        char* const end = put_line(line.data(), '*', arguments_);
        first_ = std::copy_backward(line.data(), end, first_);
        out.append(first_, static_cast<std::size_t>(at_ - first_));
    }

  private:
    static constexpr std::size_t longest_number = 20;                // with its sign
    static constexpr std::size_t longest_line = longest_number + 3;  // with a mark and "\r\n"

    // These write into memory that has room for it, and give the place after it.
    static char* put_end(char* at) noexcept {
        *at++ = '\r';
        *at++ = '\n';
        return at;
    }
    static char* put_line(char* at, char mark, std::size_t number) noexcept {
        *at++ = mark;
        if (number < 10) {
            *at++ = static_cast<char>('0' + number);
        } else {
            at = std::to_chars(at, at + longest_number, number).ptr;
        }
        return put_end(at);
    }
    static char* put(char* at, std::string_view text) noexcept {
        return std::copy_n(text.data(), text.size(), at);
    }

    void make_room(std::size_t room) {
        if (static_cast<std::size_t>(end_ - at_) < room) grow(room);
    }
    // Of one argument what stands before its text, with room for all of it.
    [[nodiscard]] char* begin(std::size_t size) {
        make_room(longest_line + size + 2);
        ++arguments_;
        return put_line(at_, '$', size);
    }
    void grow(std::size_t room);

    char near_[1024];    // not initialised
    std::string far_{};  // in its place, when it is full
    char* first_;        // of the arguments; before them there is room for the first line
    char* at_;
    char* end_;
    std::size_t arguments_ = 0;
};

// Appends one command; arguments may hold any bytes, and there must be at least one. Throws
// std::bad_alloc, and then leaves `out` as it was.
void append_command(std::string& out, std::span<const std::string_view> arguments);

}  // namespace leaselock::wire
