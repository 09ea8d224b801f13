// Goal: prometheus-cpp is given what the text has. Method: its own text of what it was given is
// read by the same reader.
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>
#include <sstream>

#include <leaselock/prometheus.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "unit/manager_world.hpp"
#include "unit/metrics_text.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

TEST(PrometheusCollector, GivesWhatTheTextHas) {
    const ManagerWorld world;
    LockManager locks = world.make("me");
    const std::string odd = "a\"b\\c\nd";
    auto lock = locks.acquire("key", {.ttl = 1h, .key_template = odd});
    EXPECT_FALSE(granted(locks.acquire("key")));
    world.clock->advance(3s);
    lock->release();

    for (const char* const name : {"", "one"}) {
        const PrometheusCollector collector{locks, name};
        const MetricsText given{prometheus::TextSerializer{}.Serialize(collector.Collect())};
        std::ostringstream out;
        locks.write_metrics(out, name);
        const MetricsText written{out.str()};
        EXPECT_EQ(given.types(), written.types());
        EXPECT_EQ(given.series().size(), written.series().size());
        for (const auto& [series, value] : written.series()) {
            auto [metric, labels] = series;
            // Bounds are written with other digits there.
            if (labels.contains("le")) continue;
            EXPECT_DOUBLE_EQ(given.at(metric, labels), value) << metric;
        }
        EXPECT_EQ(given.at("leaselock_hold_seconds_sum",
                           [&] {
                               MetricsText::Labels labels{{"key_template", odd}};
                               if (*name != '\0') labels["manager"] = name;
                               return labels;
                           }()),
                  3);
    }
}

TEST(PrometheusCollector, IsACollectable) {
    LockManager locks;
    const auto collector = std::make_shared<PrometheusCollector>(locks);
    const std::weak_ptr<prometheus::Collectable> collectable = collector;
    EXPECT_EQ(collectable.lock()->Collect().front().name, "leaselock_acquisitions_total");
}

}  // namespace
}  // namespace leaselock
