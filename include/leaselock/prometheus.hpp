// A manager's metrics for programs that have prometheus-cpp: the same families as
// LockManager::write_metrics, among those of the rest of the program.
//
//     auto collector = std::make_shared<leaselock::PrometheusCollector>(locks);
//     exposer.RegisterCollectable(collector);  // keeps no owner: `collector` has to live
//
// The library needs no prometheus-cpp: a program that includes this links prometheus-cpp::core.
//
// Thread-safety: as LockManager.
#pragma once

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/detail/metric_family.hpp>
#include <leaselock/lock_manager.hpp>

namespace leaselock {

class PrometheusCollector final : public prometheus::Collectable {
  public:
    // The manager outlives it, and is not moved meanwhile. `name` as in write_metrics: where a
    // program has several managers.
    explicit PrometheusCollector(const LockManager& manager, std::string name = {})
        : manager_{manager}, name_{std::move(name)} {}

    // Does not block. May throw bad_alloc.
    [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
        std::vector<prometheus::MetricFamily> families;
        for (const detail::MetricFamily& each : detail::metric_families(manager_, name_)) {
            prometheus::MetricFamily& family = families.emplace_back();
            family.name = each.name;
            family.help = each.help;
            family.type = type_of(each.type);
            for (const detail::MetricSample& sample : each.samples) {
                family.metric.push_back(metric_of(sample, each.type));
            }
        }
        return families;
    }

  private:
    [[nodiscard]] static prometheus::MetricType type_of(detail::MetricType type) noexcept {
        switch (type) {
            case detail::MetricType::counter: return prometheus::MetricType::Counter;
            case detail::MetricType::gauge: return prometheus::MetricType::Gauge;
            case detail::MetricType::histogram: break;
        }
        return prometheus::MetricType::Histogram;
    }
    [[nodiscard]] static prometheus::ClientMetric metric_of(const detail::MetricSample& sample,
                                                            detail::MetricType type) {
        prometheus::ClientMetric metric;
        for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
        switch (type) {
            case detail::MetricType::counter:
                metric.counter.value = static_cast<double>(sample.value);
                break;
            case detail::MetricType::gauge:
                metric.gauge.value = static_cast<double>(sample.value);
                break;
            case detail::MetricType::histogram:
                metric.histogram.sample_count = sample.value;
                metric.histogram.sample_sum = sample.sum;
                for (const auto& [bound, count] : sample.buckets) {
                    metric.histogram.bucket.push_back({count, bound});
                }
                break;
        }
        return metric;
    }

    const LockManager& manager_;
    std::string name_;
};

}  // namespace leaselock
