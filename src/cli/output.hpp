// What the command tells, in the form that its reader wants: JSON, lines with tabs for other
// programs, a table for a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace leaselock::cli {

enum class Format { json, plain, table };

// json if that was asked for; else by where standard output goes.
[[nodiscard]] Format choose_format(bool json);

// A time is a number of milliseconds for programs.
using Value = std::variant<std::string, std::uint64_t, bool, double, std::chrono::milliseconds>;
struct Field {
    std::string_view name;
    Value value;
};
using Record = std::vector<Field>;

// An array in JSON, a line for each record otherwise. Records have the same fields, but in
// JSON. Throws std::system_error if it cannot be written.
void print_all(Format format, const std::vector<Record>& records);
// An array in one line of JSON.
void print_json_line(const std::vector<Record>& records);
// An object in JSON.
void print_one(Format format, const Record& record);
void print_text(std::string_view text);

// One line on standard error, after the name of the program; the text is made printable(). Blocks
// until there is room for it, or drops it where there is none at once.
enum class IfFull { wait, drop };
void complain(std::string_view text, IfFull if_full = IfFull::wait);

// ASCII's control characters, with which a text could play tricks on a terminal or a table.
[[nodiscard]] constexpr bool is_control(char c) noexcept {
    return (c >= '\0' && c < ' ') || c == '\x7f';
}

}  // namespace leaselock::cli
