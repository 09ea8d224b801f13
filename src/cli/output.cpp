#include "cli/output.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fmt/format.h>
#include <poll.h>
#include <system_error>
#include <unistd.h>

#include <leaselock/printable.hpp>

#include "cli/duration.hpp"
#include "cli/json.hpp"
#include "cli/text_width.hpp"

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

std::string json_value(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return json_string(*text);
    if (const auto* number = std::get_if<std::uint64_t>(&value)) return fmt::format("{}", *number);
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* number = std::get_if<double>(&value)) return fmt::format("{:.3f}", *number);
    return fmt::format("{}", std::get<milliseconds>(value).count());
}

std::string json_object(const Record& record) {
    std::string text;
    for (const auto& [name, value] : record) {
        text += text.empty() ? "{" : ", ";
        text += fmt::format("{}: {}", json_string(name), json_value(value));
    }
    return text + "}";
}

std::string json_array(const std::vector<Record>& records, std::string_view separator) {
    std::string text = "[";
    for (const Record& record : records) {
        if (text.size() > 1) text += separator;
        text += json_object(record);
    }
    return text + "]\n";
}

std::string plain_value(const Value& value) {
    const auto* const text = std::get_if<std::string>(&value);
    return text != nullptr ? printable(*text, "\\") : json_value(value);
}

std::string table_value(const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "yes" : "no";
    if (const auto* time = std::get_if<milliseconds>(&value)) return format_duration(*time);
    return plain_value(value);
}

// remaining_ms -> remaining: a table shows times with their units.
std::string heading(std::string_view name) {
    if (name.ends_with("_ms")) name.remove_suffix(3);
    std::string text{name};
    std::replace(text.begin(), text.end(), '_', ' ');
    return text;
}

void print_table(const std::vector<Record>& records) {
    std::vector<std::vector<std::string>> rows(1);
    for (const auto& field : records.front()) rows[0].push_back(heading(field.name));
    for (const Record& record : records) {
        auto& row = rows.emplace_back();
        for (const auto& field : record) row.push_back(table_value(field.value));
    }
    const InUtf8 locale;
    const auto width = [](const std::string& cell) {
        return static_cast<std::size_t>(width_of(shown(cell)));
    };
    std::vector<std::size_t> widths(rows[0].size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += row[i];
            if (i + 1 < row.size()) text.append(widths[i] + 2 - width(row[i]), ' ');
        }
        text += '\n';
    }
    print_text(text);
}

void print_plain(const std::vector<Record>& records) {
    std::string text;
    for (const Record& record : records) {
        for (const auto& field : record) text += plain_value(field.value) + '\t';
        text.back() = '\n';
    }
    print_text(text);
}

}  // namespace

Format choose_format(bool json) {
    if (json) return Format::json;
    return ::isatty(STDOUT_FILENO) == 1 ? Format::table : Format::plain;
}

void print_all(Format format, const std::vector<Record>& records) {
    if (format == Format::json) {
        print_text(json_array(records, ",\n "));
    } else if (!records.empty()) {
        format == Format::table ? print_table(records) : print_plain(records);
    }
}

void print_json_line(const std::vector<Record>& records) { print_text(json_array(records, ", ")); }

void print_one(Format format, const Record& record) {
    if (format == Format::json) return print_text(json_object(record) + '\n');
    print_all(format, {record});
}

void print_text(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
        std::fflush(stdout) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot write the output");
    }
}

void complain(std::string_view text, IfFull if_full) {
    const std::string line = fmt::format("leaselock: {}\n", printable(text));
    pollfd error{STDERR_FILENO, POLLOUT, 0};
    if (if_full == IfFull::drop && ::poll(&error, 1, 0) != 1) return;
    // Where standard error is closed there is nobody to tell.
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace leaselock::cli
