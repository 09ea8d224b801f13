// What a manager tells a monitoring system, as values: the one description from which the text for
// Prometheus and the families of prometheus-cpp are made.
//
// Thread-safety: plain values; metric_families() from all threads at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/detail/export.hpp>

namespace leaselock {

class LockManager;

namespace detail {

enum class MetricType : std::uint8_t { counter, gauge, histogram };

struct MetricBucket {
    double upper_bound;   // in seconds
    std::uint64_t count;  // of all that took no longer
};

struct MetricSample {
    std::vector<std::pair<std::string, std::string>> labels;  // values are UTF-8 without NUL
    std::uint64_t value;                                      // of a histogram: how many
    double sum = 0;                                           // of a histogram, in seconds
    std::vector<MetricBucket> buckets{};                      // of a histogram, but for the last
};

struct MetricFamily {
    std::string name;
    std::string help;  // one line without a backslash
    MetricType type;
    std::vector<MetricSample> samples{};
};

// `name`, if not empty, is the label `manager` of each sample.
[[nodiscard]] LEASELOCK_EXPORT std::vector<MetricFamily> metric_families(const LockManager& manager,
                                                                         std::string_view name);

}  // namespace detail
}  // namespace leaselock
