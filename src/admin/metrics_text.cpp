#include <fmt/format.h>
#include <iterator>
#include <ostream>

#include <leaselock/detail/metric_family.hpp>
#include <leaselock/lock_manager.hpp>

namespace leaselock {
namespace {

using detail::MetricFamily;
using detail::MetricSample;
using detail::MetricType;

const char* name_of(MetricType type) noexcept {
    switch (type) {
        case MetricType::counter: return "counter";
        case MetricType::gauge: return "gauge";
        case MetricType::histogram: break;
    }
    return "histogram";
}

std::string escaped(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

// The labels with their braces, or nothing; `last` is one more, written as it is.
std::string braces(const MetricSample& sample, std::string_view last = {}) {
    std::string inside;
    for (const auto& [name, value] : sample.labels) {
        inside += fmt::format("{}{}=\"{}\"", inside.empty() ? "" : ",", name, escaped(value));
    }
    if (!last.empty()) inside += fmt::format("{}{}", inside.empty() ? "" : ",", last);
    return inside.empty() ? inside : '{' + inside + '}';
}

void append(std::string& out, std::string_view name, const MetricSample& sample) {
    for (const auto& [bound, count] : sample.buckets) {
        out += fmt::format("{}_bucket{} {}\n", name,
                           braces(sample, fmt::format("le=\"{}\"", bound)), count);
    }
    out += fmt::format("{}_bucket{} {}\n", name, braces(sample, "le=\"+Inf\""), sample.value);
    out += fmt::format("{}_sum{} {}\n", name, braces(sample), sample.sum);
    out += fmt::format("{}_count{} {}\n", name, braces(sample), sample.value);
}

}  // namespace

// By way of a string: the stream may have a locale, and the format has none.
void LockManager::write_metrics(std::ostream& out, std::string_view manager) const {
    std::string text;
    for (const MetricFamily& family : detail::metric_families(*this, manager)) {
        text += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", family.name, family.help,
                            name_of(family.type));
        for (const MetricSample& sample : family.samples) {
            if (family.type == MetricType::histogram) {
                append(text, family.name, sample);
            } else {
                text += fmt::format("{}{} {}\n", family.name, braces(sample), sample.value);
            }
        }
    }
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
}

}  // namespace leaselock
