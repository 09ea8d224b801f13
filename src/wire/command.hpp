// Commands as bytes. Several commands appended to one string are a pipeline.
//
// Thread-safety: an object is one thread's; the function has no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace leaselock::wire {

// Writes one command, argument by argument. It takes memory from the heap for a large one only.
class CommandWriter {
  public:
    CommandWriter() noexcept;
    CommandWriter(const CommandWriter&) = delete;
    CommandWriter& operator=(const CommandWriter&) = delete;
    ~CommandWriter() = default;

    // Each adds one argument, of any bytes. May throw bad_alloc.
    void add(std::string_view text);
    void add(std::string_view first, std::string_view second, std::string_view third);
    void add(std::int64_t number);  // in digits

    // So many arguments that were written before.
    void add_written(std::string_view arguments, std::size_t count);

    // Once, after at least one argument. Throws std::bad_alloc, and then leaves `out` as it was.
    void append_to(std::string& out);

  private:
    void make_room(std::size_t room);
    [[nodiscard]] char* begin(std::size_t size);
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
