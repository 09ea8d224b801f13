// A reader of Prometheus' text format 0.0.4, as strict as the rules are: each family once, HELP and
// TYPE before its samples, no series twice, names and labels of the allowed letters, values of
// labels in UTF-8 and escaped, counters that end in _total, histograms whose buckets rise up to
// +Inf.
//
// Thread-safety: plain values.
#pragma once

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/detail/utf8.hpp>

namespace leaselock {

class MetricsText {
  public:
    using Labels = std::map<std::string, std::string>;

    // Throws std::runtime_error with what is wrong.
    explicit MetricsText(std::string_view text) {
        if (text.empty() || text.back() != '\n') fail("the last line has no end", text);
        while (!text.empty()) {
            const std::size_t end = text.find('\n');
            read(text.substr(0, end));
            text.remove_prefix(end + 1);
        }
        end_family();
    }

    [[nodiscard]] const std::map<std::string, std::string>& types() const { return types_; }
    using Series = std::map<std::pair<std::string, Labels>, double>;
    [[nodiscard]] const Series& series() const { return series_; }
    // Throws std::out_of_range if there is none.
    [[nodiscard]] double at(const std::string& name, const Labels& labels = {}) const {
        return series_.at({name, labels});
    }
    [[nodiscard]] std::set<std::string> values_of(const std::string& label) const {
        std::set<std::string> values;
        for (const auto& [series, value] : series_) {
            const auto found = series.second.find(label);
            if (found != series.second.end()) values.insert(found->second);
        }
        return values;
    }

  private:
    [[noreturn]] static void fail(const std::string& why, std::string_view line) {
        throw std::runtime_error(why + ": " + std::string(line));
    }

    void read(std::string_view line) {
        if (line.starts_with("# HELP ")) return read_help(line);
        if (line.starts_with("# TYPE ")) return read_type(line);
        if (line.empty() || line[0] == '#') fail("neither HELP nor TYPE nor a sample", line);
        read_sample(line);
    }

    void read_help(std::string_view line) {
        end_family();
        std::string_view rest = line.substr(7);
        family_ = take_name(rest, line);
        if (!families_.insert(family_).second) fail("a family twice", line);
        if (rest.size() < 2 || rest[0] != ' ') fail("no help", line);
        type_.clear();
    }

    void read_type(std::string_view line) {
        std::string_view rest = line.substr(7);
        if (take_name(rest, line) != family_ || !type_.empty()) fail("TYPE behind no HELP", line);
        type_ = rest.substr(rest.empty() ? 0 : 1);
        if (type_ != "counter" && type_ != "gauge" && type_ != "histogram") fail("type", line);
        if ((type_ == "counter") != family_.ends_with("_total")) fail("_total", line);
        types_[family_] = type_;
    }

    void read_sample(std::string_view line) {
        std::string_view rest = line;
        const std::string name = take_name(rest, line);
        const std::string suffix = name.starts_with(family_) ? name.substr(family_.size()) : "?";
        const bool fits = type_ == "histogram"
                              ? suffix == "_bucket" || suffix == "_sum" || suffix == "_count"
                              : suffix.empty() && !type_.empty();
        if (!fits) fail("a sample of no family", line);
        Labels labels = take_labels(rest, line);
        if ((suffix == "_bucket") != labels.contains("le")) fail("le", line);
        if (rest.empty() || rest[0] != ' ') fail("no value", line);
        const double value = number(rest.substr(1), line);
        if (value < 0 || std::isnan(value)) fail("a value below 0", line);
        if (!series_.emplace(std::pair{name, labels}, value).second) fail("a series twice", line);
        if (type_ == "histogram") note_part(suffix, std::move(labels), value, line);
    }

    static double number(std::string_view text, std::string_view line) {
        if (text == "+Inf") return HUGE_VAL;
        const std::string copy{text};
        char* end = nullptr;
        const double value = std::strtod(copy.c_str(), &end);
        const bool odd = copy.find_first_not_of("0123456789.e+-") != std::string::npos;
        if (copy.empty() || odd || *end != '\0') fail("no number", line);
        return value;
    }

    static bool starts_name(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    }
    static std::string take_name(std::string_view& rest, std::string_view line) {
        std::size_t n = 0;
        while (n < rest.size() &&
               (starts_name(rest[n]) || (n > 0 && rest[n] >= '0' && rest[n] <= '9'))) {
            ++n;
        }
        if (n == 0) fail("no name", line);
        std::string name{rest.substr(0, n)};
        rest.remove_prefix(n);
        return name;
    }

    static Labels take_labels(std::string_view& rest, std::string_view line) {
        Labels labels;
        if (!rest.starts_with('{')) return labels;
        do {
            rest.remove_prefix(1);
            const std::string name = take_name(rest, line);
            if (!rest.starts_with("=\"")) fail("a label without value", line);
            rest.remove_prefix(2);
            if (!labels.emplace(name, take_value(rest, line)).second) fail("label twice", line);
        } while (rest.starts_with(','));
        if (!rest.starts_with('}')) fail("labels without end", line);
        rest.remove_prefix(1);
        return labels;
    }

    static std::string take_value(std::string_view& rest, std::string_view line) {
        std::string value;
        for (std::size_t i = 0; i < rest.size(); ++i) {
            char c = rest[i];
            if (c == '"') {
                rest.remove_prefix(i + 1);
                if (!detail::is_utf8(value)) fail("a label that is not UTF-8", line);
                return value;
            }
            if (c == '\\') {
                c = ++i < rest.size() ? rest[i] : '?';
                if (c != 'n' && c != '"' && c != '\\') fail("an unknown escape", line);
                if (c == 'n') c = '\n';
            }
            if (c == '\0') fail("a NUL", line);
            value += c;
        }
        fail("a label's value without end", line);
    }

    // Of a histogram, by its labels without `le`.
    struct Parts {
        std::vector<std::pair<double, double>> buckets;  // bound, count
        bool has_sum = false;
        double count = -1;
    };
    void note_part(std::string_view suffix, Labels labels, double value, std::string_view line) {
        const auto le = labels.extract("le");
        Parts& parts = parts_[labels];
        if (suffix == "_sum") parts.has_sum = true;
        if (suffix == "_count") parts.count = value;
        if (suffix == "_bucket") parts.buckets.emplace_back(number(le.mapped(), line), value);
    }
    void end_family() {
        for (const auto& [labels, parts] : parts_) {
            if (!parts.has_sum || parts.buckets.empty()) fail("half a histogram", family_);
            for (std::size_t i = 1; i < parts.buckets.size(); ++i) {
                if (parts.buckets[i].first <= parts.buckets[i - 1].first ||
                    parts.buckets[i].second < parts.buckets[i - 1].second) {
                    fail("buckets that do not rise", family_);
                }
            }
            if (parts.buckets.back() != std::pair{HUGE_VAL, parts.count}) fail("+Inf", family_);
        }
        parts_.clear();
    }

    std::string family_;
    std::string type_;
    std::set<std::string> families_;
    std::map<std::string, std::string> types_;
    Series series_;
    std::map<Labels, Parts> parts_;
};

}  // namespace leaselock
