#include <initializer_list>

#include <leaselock/detail/metric_family.hpp>
#include <leaselock/detail/utf8.hpp>
#include <leaselock/lock_manager.hpp>

namespace leaselock::detail {
namespace {

// Every fourth power of two of nanoseconds, from 1 us to 18 min: bounds that Histogram has, too.
constexpr std::size_t first_bound = 2;
constexpr std::size_t last_bound = 32;
constexpr std::size_t bound_step = 2;

constexpr double seconds(std::chrono::nanoseconds time) noexcept {
    return static_cast<double>(time.count()) / 1e9;
}

// A label is UTF-8, and readers of the text end at a NUL.
std::string label_value(std::string_view text) {
    std::string value;
    while (!text.empty()) {
        const std::size_t bytes = text[0] == '\0' ? 0 : character_bytes(text);
        value += bytes == 0 ? std::string_view{"\xEF\xBF\xBD"} : text.substr(0, bytes);
        text.remove_prefix(bytes == 0 ? 1 : bytes);
    }
    return value;
}

// Histogram counts what took less than a bound, and Prometheus what took no longer: whatever took a
// bound to the nanosecond is found one bucket higher.
MetricSample sample_of(const Histogram& times) {
    MetricSample sample{.labels = {}, .value = 0, .sum = seconds(times.total)};
    for (std::size_t i = 0; i < Histogram::size; ++i) {
        sample.value += times.counts[i];
        if (i >= first_bound && i <= last_bound && (i - first_bound) % bound_step == 0) {
            sample.buckets.push_back({seconds(Histogram::upper_bound(i)), sample.value});
        }
    }
    return sample;
}

class Description {
  public:
    Description(const LockManager& manager, std::string_view name)
        : all_{manager.stats_by_template()} {
        if (!name.empty()) common_.emplace_back("manager", label_value(name));
    }

    struct Outcome {
        std::string name;  // empty: there is but one
        std::uint64_t LockStats::*value;
    };
    void add(std::string name, std::string help, std::initializer_list<Outcome> outcomes,
             MetricType type = MetricType::counter) {
        MetricFamily family{std::move(name), std::move(help), type};
        for (const auto& [key_template, stats] : all_) {
            for (const Outcome& outcome : outcomes) {
                MetricSample sample{labels(key_template), stats.*outcome.value};
                if (!outcome.name.empty()) sample.labels.emplace_back("outcome", outcome.name);
                family.samples.push_back(std::move(sample));
            }
        }
        families_.push_back(std::move(family));
    }
    void add(std::string name, std::string help, Histogram LockStats::*times) {
        MetricFamily family{std::move(name), std::move(help), MetricType::histogram};
        for (const auto& [key_template, stats] : all_) {
            family.samples.push_back(sample_of(stats.*times));
            family.samples.back().labels = labels(key_template);
        }
        families_.push_back(std::move(family));
    }
    // Of the manager as a whole.
    void add_one(std::string name, std::string help, std::uint64_t value, MetricType type) {
        families_.push_back({std::move(name), std::move(help), type, {{common_, value}}});
    }
    [[nodiscard]] std::vector<MetricFamily> take() { return std::move(families_); }

  private:
    using Labels = decltype(MetricSample::labels);

    [[nodiscard]] Labels labels(const std::string& key_template) const {
        Labels labels = common_;
        labels.emplace_back("key_template", key_template);
        return labels;
    }

    std::vector<TemplateStats> all_;
    Labels common_;
    std::vector<MetricFamily> families_;
};

}  // namespace

std::vector<MetricFamily> metric_families(const LockManager& manager, std::string_view name) {
    Description of{manager, name};
    of.add("leaselock_acquisitions_total", "Calls that asked for a lock, by what they came to.",
           {{"acquired", &LockStats::acquired},
            {"contended", &LockStats::contended},
            {"failed", &LockStats::failed}});
    of.add("leaselock_handovers_total", "Acquisitions that a release handed over to a waiter.",
           {{"", &LockStats::handed_over}});
    of.add("leaselock_renewals_total", "Renewals, and tries of one without an answer.",
           {{"renewed", &LockStats::renewed}, {"failed", &LockStats::renewals_failed}});
    of.add("leaselock_losses_total", "Locks that ended before their holders released them.",
           {{"", &LockStats::lost}});
    of.add("leaselock_releases_total", "Locks that their holders released.",
           {{"", &LockStats::released}});
    of.add("leaselock_cleanups_total", "Releases of unknown outcome that were settled.",
           {{"", &LockStats::cleanups}});
    of.add("leaselock_locks_held", "Locks that are held now.", {{"", &LockStats::held_now}},
           MetricType::gauge);
    of.add("leaselock_wait_seconds", "From the call to the grant.", &LockStats::wait);
    of.add("leaselock_hold_seconds", "From the grant to the release or the loss.",
           &LockStats::hold);
    const LockStats stats = manager.stats();
    of.add_one("leaselock_cleanups_pending", "Releases of unknown outcome that are not settled.",
               stats.cleanups_now, MetricType::gauge);
    of.add_one("leaselock_reconnects_total", "Connections to backends that replaced another.",
               stats.reconnects, MetricType::counter);
    of.add_one("leaselock_events_dropped_total", "Events that came too fast for the observer.",
               stats.events_dropped, MetricType::counter);
    return of.take();
}

}  // namespace leaselock::detail
