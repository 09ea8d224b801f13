// Goal: the metrics tell what was done, by key template and without a key, in the format that
// Prometheus reads. Method: a manager on a memory store whose clock stands still, and a strict
// reader of the text; promtool reads it too, where it is on the PATH.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <gtest/gtest.h>
#include <locale>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"
#include "unit/metrics_text.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using support::poll_until;
using Labels = MetricsText::Labels;

std::string text_of(const LockManager& locks, std::string_view manager = {}) {
    std::ostringstream out;
    locks.write_metrics(out, manager);
    return out.str();
}

MetricsText metrics_of(const LockManager& locks) { return MetricsText{text_of(locks)}; }

// What promtool has to say; nothing where there is none.
std::string complaints_of_promtool(const std::string& text) {
    if (std::system("command -v promtool >/dev/null") != 0) return {};
    std::ostringstream name;
    name << ::testing::TempDir() << "leaselock-metrics-" << ::getpid();
    FILE* const pipe = ::popen(("promtool check metrics >" + name.str() + " 2>&1").c_str(), "w");
    std::fwrite(text.data(), 1, text.size(), pipe);
    const bool accepted = ::pclose(pipe) == 0;
    std::ifstream file{name.str()};
    std::string said{std::istreambuf_iterator<char>{file}, {}};
    std::remove(name.str().c_str());
    return accepted ? said : "refused: " + said;
}

class Metrics : public ::testing::Test {
  protected:
    [[nodiscard]] double at(const std::string& name, const Labels& labels = {}) const {
        return metrics_of(locks_).at(name, labels);
    }
    [[nodiscard]] double acquisitions(const std::string& outcome,
                                      const std::string& key_template = {}) const {
        return at("leaselock_acquisitions_total",
                  {{"key_template", key_template}, {"outcome", outcome}});
    }

    ManagerWorld world_{testing::ManualClock::Sleep::blocking};
    LockManager& locks_ = world_.manager;
    const Labels job_{{"key_template", "job-{{id}}"}};
};

TEST_F(Metrics, AreThereFromTheStart) {
    const MetricsText metrics = metrics_of(locks_);
    for (const auto& [series, value] : metrics.series()) EXPECT_EQ(value, 0) << series.first;
    EXPECT_EQ(metrics.values_of("key_template"), (std::set<std::string>{""}));
    EXPECT_EQ(metrics.types(),
              (std::map<std::string, std::string>{{"leaselock_acquisitions_total", "counter"},
                                                  {"leaselock_handovers_total", "counter"},
                                                  {"leaselock_renewals_total", "counter"},
                                                  {"leaselock_losses_total", "counter"},
                                                  {"leaselock_releases_total", "counter"},
                                                  {"leaselock_cleanups_total", "counter"},
                                                  {"leaselock_locks_held", "gauge"},
                                                  {"leaselock_wait_seconds", "histogram"},
                                                  {"leaselock_hold_seconds", "histogram"},
                                                  {"leaselock_cleanups_pending", "gauge"},
                                                  {"leaselock_reconnects_total", "counter"},
                                                  {"leaselock_events_dropped_total", "counter"}}));
}

TEST_F(Metrics, TellOutcomesByTemplate) {
    auto lock = locks_.acquire("job-1", {.key_template = "job-{{id}}"});
    EXPECT_FALSE(granted(locks_.try_acquire("job-1", {.key_template = "job-{{id}}"})));
    EXPECT_FALSE(granted(locks_.try_acquire("job-1")));
    world_.backend->fail_next({.error = Errc::access_denied});
    std::error_code ec;
    EXPECT_FALSE(granted(locks_.acquire("job-2", {.key_template = "job-{{id}}"}, ec)));
    EXPECT_EQ(acquisitions("acquired", "job-{{id}}"), 1);
    EXPECT_EQ(acquisitions("contended", "job-{{id}}"), 1);
    EXPECT_EQ(acquisitions("failed", "job-{{id}}"), 1);
    EXPECT_EQ(acquisitions("acquired"), 0);
    EXPECT_EQ(acquisitions("contended"), 1);
    EXPECT_EQ(at("leaselock_locks_held", job_), 1);
    lock->release();
    EXPECT_EQ(at("leaselock_locks_held", job_), 0);
    EXPECT_EQ(at("leaselock_releases_total", job_), 1);
    EXPECT_EQ(locks_.stats().contended, 2U);
}

TEST_F(Metrics, TellHowLongLocksWereHeld) {
    auto lock = locks_.acquire("job-1", {.ttl = 1h, .key_template = "job-{{id}}"});
    world_.clock->advance(10s);
    lock->release();
    const MetricsText metrics = metrics_of(locks_);
    const auto bucket = [&](const char* bound) {
        Labels labels = job_;
        labels["le"] = bound;
        return metrics.at("leaselock_hold_seconds_bucket", labels);
    };
    EXPECT_EQ(metrics.at("leaselock_hold_seconds_sum", job_), 10);
    EXPECT_EQ(metrics.at("leaselock_hold_seconds_count", job_), 1);
    EXPECT_EQ(bucket("4.294967296"), 0);
    EXPECT_EQ(bucket("17.179869184"), 1);
    EXPECT_EQ(bucket("+Inf"), 1);
    EXPECT_EQ(metrics.at("leaselock_wait_seconds_sum", job_), 0);
    EXPECT_EQ(metrics.at("leaselock_wait_seconds_count", job_), 1);
    Labels shortest = job_;
    shortest["le"] = "1.024e-06";
    EXPECT_EQ(metrics.at("leaselock_wait_seconds_bucket", shortest), 1);
    EXPECT_EQ(metrics.values_of("le").size(), 17U);
}

TEST_F(Metrics, TellRenewalsLossesAndCleanups) {
    auto lock = locks_.acquire("job-1", {.ttl = 30s, .key_template = "job-{{id}}"});
    world_.clock->wait_for_background();
    world_.clock->advance(10s);
    EXPECT_TRUE(poll_until([&] {
        return at("leaselock_renewals_total",
                  {{"key_template", "job-{{id}}"}, {"outcome", "renewed"}}) == 1;
    }));
    world_.clock->wait_for_background();
    world_.clock->advance(1h);
    EXPECT_TRUE(poll_until([&] { return at("leaselock_losses_total", job_) == 1; }));
    EXPECT_EQ(at("leaselock_locks_held", job_), 0);

    world_.backend->fail_all({.error = Errc::command_timed_out});
    EXPECT_EQ(lock->release(), ReleaseResult::unknown);
    EXPECT_EQ(at("leaselock_cleanups_pending"), 1);
    EXPECT_EQ(at("leaselock_cleanups_total", job_), 0);
    EXPECT_EQ(at("leaselock_locks_held", job_), 0);
    world_.backend->heal();
    EXPECT_TRUE(poll_until([&] {
        world_.clock->advance(100ms);
        return at("leaselock_cleanups_total", job_) == 1 && at("leaselock_cleanups_pending") == 0;
    }));
}

TEST_F(Metrics, TellWhatAReleaseHandedOver) {
    auto lock = world_.other.acquire("job-1", {.ttl = 1h});
    const LockOptions patient{.wait_timeout = forever, .key_template = "job-{{id}}"};
    auto waiter = std::async(std::launch::async, [&] { return locks_.acquire("job-1", patient); });
    ASSERT_TRUE(poll_until([&] { return locks_.inspect("job-1").waiting == 1; }));
    lock->release();
    EXPECT_TRUE(granted(waiter.get()));
    EXPECT_EQ(at("leaselock_handovers_total", job_), 1);
    EXPECT_EQ(acquisitions("acquired", "job-{{id}}"), 1);
    EXPECT_EQ(world_.other.stats().handed_over, 0U);
}

TEST_F(Metrics, ALockThatEndedByItselfIsNoHandOver) {
    const auto lock = world_.other.acquire("job-1", {.ttl = 10s, .renewal = Renewal::off});
    const LockOptions patient{.wait_timeout = forever};
    auto waiter = std::async(std::launch::async, [&] { return locks_.acquire("job-1", patient); });
    ASSERT_TRUE(poll_until([&] {
        world_.clock->advance(100ms);
        return waiter.wait_for(0s) == std::future_status::ready;
    }));
    EXPECT_TRUE(granted(waiter.get()));
    EXPECT_EQ(locks_.stats().acquired, 1U);
    EXPECT_EQ(locks_.stats().handed_over, 0U);
}

TEST_F(Metrics, LabelsMayBeAnyTextAndAreNeverAKeyOrAToken) {
    const std::string odd = "a\"b\\c\nd\\n{{id}},le=\"5\" \xC3\xA4";
    auto lock = locks_.acquire("the-key", {.key_template = odd});
    const std::string text = text_of(locks_);
    EXPECT_EQ(MetricsText{text}.values_of("key_template"), (std::set<std::string>{"", odd}));
    EXPECT_EQ(text.find("the-key"), std::string::npos);
    EXPECT_EQ(text.find("tester:1"), std::string::npos);
    EXPECT_EQ(complaints_of_promtool(text), "");
}

TEST_F(Metrics, AManagerMayHaveALabel) {
    const auto lock = locks_.acquire("job-1", {.key_template = "job-{{id}}"});
    const std::string text = text_of(locks_, std::string_view{"a\"\xFF\0", 4});
    const MetricsText metrics{text};
    for (const auto& [series, value] : metrics.series()) {
        EXPECT_EQ(series.second.at("manager"), "a\"\xEF\xBF\xBD\xEF\xBF\xBD") << series.first;
    }
    EXPECT_EQ(complaints_of_promtool(text), "");
}

TEST_F(Metrics, TemplatesBeyondTheLimitCountAsOthers) {
    EXPECT_TRUE(locks_.acquire("key", {.key_template = other_templates}));
    for (std::size_t i = 0; i < max_templates + 50; ++i) {
        const std::string key_template = "t" + std::to_string(i);
        EXPECT_TRUE(locks_.acquire("key", {.key_template = key_template}));
    }
    EXPECT_TRUE(locks_.acquire("key", {.key_template = "t0"}));
    const auto all = locks_.stats_by_template();
    ASSERT_EQ(all.size(), max_templates + 2);
    EXPECT_EQ(all.front().key_template, "");
    EXPECT_EQ(all.back().key_template, other_templates);
    EXPECT_EQ(acquisitions("acquired", "other"), 51);
    EXPECT_EQ(acquisitions("acquired", "t0"), 2);
    EXPECT_EQ(acquisitions("acquired", "t255"), 1);
    EXPECT_EQ(locks_.stats().acquired, max_templates + 52);
    EXPECT_EQ(complaints_of_promtool(text_of(locks_)), "");
}

TEST_F(Metrics, WhatCannotBeALabelCountsAsOthers) {
    const std::string longest(512, 'x');
    EXPECT_TRUE(locks_.acquire("key", {.key_template = longest}));
    EXPECT_EQ(metrics_of(locks_).values_of("key_template"), (std::set<std::string>{"", longest}));
    for (const std::string& bad :
         {std::string(513, 'x'), std::string("a\0b", 3), std::string("\x80"), std::string("a\xC3"),
          std::string("\xC0\xAF"), std::string("\xED\xA0\x80"), std::string("\xF4\x90\x80\x80"),
          std::string("\xE0\x9F\xBF"), std::string("\xF0\x8F\xBF\xBF"), std::string("\xE2\x82,")}) {
        EXPECT_TRUE(locks_.acquire("key", {.key_template = bad}));
    }
    EXPECT_EQ(acquisitions("acquired", "other"), 10);
    for (const char* const good : {"\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEF\xBF\xBF",
                                   "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
        EXPECT_TRUE(locks_.acquire("key", {.key_template = good}));
        EXPECT_EQ(acquisitions("acquired", good), 1);
    }
}

TEST_F(Metrics, TheTextKnowsNoLocale) {
    struct Grouping : std::numpunct<char> {
        [[nodiscard]] char do_thousands_sep() const override { return '.'; }
        [[nodiscard]] char do_decimal_point() const override { return ','; }
        [[nodiscard]] std::string do_grouping() const override { return "\1"; }
    };
    for (int i = 0; i < 12; ++i) EXPECT_TRUE(locks_.acquire("key"));
    std::ostringstream out;
    out.imbue(std::locale{std::locale::classic(), new Grouping});
    locks_.write_metrics(out);
    EXPECT_EQ(out.str(), text_of(locks_));
}

TEST_F(Metrics, ArePassedByFromManyThreads) {
    constexpr int threads = 4;
    constexpr int templates = 100;
    std::vector<std::thread> running;
    std::atomic<int> left{threads};
    for (int t = 0; t < threads; ++t) {
        running.emplace_back([&, t] {
            for (int i = 0; i < templates; ++i) {
                const std::string key_template = "t" + std::to_string(i);
                const std::string key = key_template + "-" + std::to_string(t);
                EXPECT_TRUE(locks_.acquire(key, {.key_template = key_template}));
            }
            --left;
        });
    }
    while (left > 0) EXPECT_LE(metrics_of(locks_).values_of("key_template").size(), templates + 1U);
    for (std::thread& each : running) each.join();
    const auto all = locks_.stats_by_template();
    ASSERT_EQ(all.size(), templates + 1U);
    for (std::size_t i = 1; i < all.size(); ++i) EXPECT_EQ(all[i].stats.acquired, threads + 0U);
    EXPECT_EQ(locks_.stats().acquired, threads * templates + 0U);
    EXPECT_EQ(locks_.stats().held_now, 0U);
}

// The reader that the others trust.
TEST(MetricsReader, RefusesWhatIsNotTheFormat) {
    const std::string head = "# HELP a_total h\n# TYPE a_total counter\n";
    const std::string times = "# HELP t h\n# TYPE t histogram\n";
    EXPECT_NO_THROW(MetricsText{head + "a_total{x=\"\\\\\\n\\\"\"} 1\n"});
    EXPECT_NO_THROW(MetricsText{times + "t_bucket{le=\"1\"} 1\nt_bucket{le=\"+Inf\"} 1\n"
                                        "t_sum 1\nt_count 1\n"});
    for (const std::string& bad :
         {std::string{},
          head + "a_total 1",
          head + "a_total 1\na_total 2\n",
          head + head,
          head + "a_total -1\n",
          head + "a_total x\n",
          head + "a_total{x=\"\\x\"} 1\n",
          head + "a_total{x=\"a\n\"} 1\n",
          head + "a_total{x=\"\x80\"} 1\n",
          head + "a_total{x=\"\",x=\"\"} 1\n",
          head + "a_total{1=\"\"} 1\n",
          head + "b_total 1\n",
          head + "a_total{x=\"\"}1\n",
          std::string{"a_total 1\n"},
          head + "\n",
          std::string{"# HELP a h\n# TYPE a counter\na 1\n"},
          times + "t_bucket{le=\"1\"} 2\nt_bucket{le=\"+Inf\"} 1\nt_sum 1\nt_count 1\n",
          times + "t_bucket{le=\"1\"} 1\nt_sum 1\nt_count 1\n",
          times + "t_bucket{le=\"+Inf\"} 1\nt_sum 1\nt_count 2\n",
          times + "t_bucket{le=\"+Inf\"} 1\nt_count 1\n",
          times + "t 1\n"}) {
        EXPECT_THROW(MetricsText{bad}, std::runtime_error) << bad;
    }
}

}  // namespace
}  // namespace leaselock
