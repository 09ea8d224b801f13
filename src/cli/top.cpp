#include "cli/top.hpp"

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <future>
#include <memory>
#include <optional>
#include <signal.h>
#include <stop_token>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/error.hpp>

#include "cli/events.hpp"
#include "cli/exit_code.hpp"
#include "cli/inspect.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"
#include "cli/top_controls.hpp"
#include "cli/top_model.hpp"
#include "cli/top_screen.hpp"

namespace leaselock::cli {
namespace {

using Locks = std::vector<ListedLock>;

Clock::time_point now() { return boot_clock()->now(); }

// What a refresh has found, or why it has found nothing.
template <class Find>
void take(TopModel& model, Find find) {
    try {
        const Locks locks = find();
        model.update(now(), locks);
    } catch (const Error& error) {
        model.miss(now(), error.what());
    }
}

int status_of(const TopModel& model) {
    return model.outage() ? exit_code::backend : exit_code::done;
}

// On a terminal. Refreshes are made on a thread of their own, so that a store that does not answer
// blocks no key press.
class TopSession {
  public:
    TopSession(Store& store, const Options& options, TopModel model, Signals& signals,
               std::unique_ptr<TopScreen> screen)
        : store_{store},
          options_{options},
          signals_{signals},
          events_{signals, STDIN_FILENO},
          model_{std::move(model)},
          screen_{std::move(screen)} {}

    // Gives the exit status, and the terminal back.
    [[nodiscard]] int until_the_end();
    [[nodiscard]] bool is_refreshing() const { return answer_.valid(); }

  private:
    void start_refresh();
    void take_answer();
    void heed_signals();
    void heed_keys();
    void end(int status) { status_ = status_.value_or(status); }

    Store& store_;
    const Options& options_;
    Signals& signals_;
    Events events_;
    TopModel model_;
    TopControls controls_{};
    int refreshes_ = 1;
    std::optional<int> status_{};
    std::future<Locks> answer_{};
    std::unique_ptr<TopScreen> screen_;  // after the answer: nobody waits for that on our screen
};

int TopSession::until_the_end() {
    events_.set_alarm(options_.top.interval);
    if (refreshes_ == options_.top.count) end(status_of(model_));
    for (;;) {
        screen_->draw(model_, controls_, now());
        if (status_) break;
        events_.wait();
        if (events_.rang()) take_answer();
        if (events_.is_time()) start_refresh();
        heed_signals();
        heed_keys();
    }
    screen_.reset();
    return *status_;
}

void TopSession::start_refresh() {
    if (is_refreshing()) return;
    answer_ = std::async(std::launch::async, [this] {
        const RingAtEnd ring{events_};
        return store_.locks.list(options_.pattern);
    });
}

void TopSession::take_answer() {
    take(model_, [this] { return answer_.get(); });
    events_.set_alarm(options_.top.interval);
    if (++refreshes_ == options_.top.count) end(status_of(model_));
}

void TopSession::heed_signals() {
    while (const std::optional<Signal> signal = signals_.next()) {
        if (signal->number == SIGCHLD) continue;
        if (signal->number == SIGTSTP) {
            screen_->leave();
            (void)signals_.stop_job();
        }
        if (signal->number == SIGTSTP || signal->number == SIGCONT || signal->number == SIGWINCH) {
            screen_->renew();
        } else {
            end(exit_code::by_signal(signal->number));
        }
    }
}

void TopSession::heed_keys() {
    while (const std::optional<char> key = screen_->key()) {
        const TopControls::Reaction step = controls_.press(*key);
        if (step == TopControls::Reaction::refresh) start_refresh();
        if (step == TopControls::Reaction::quit) end(exit_code::done);
    }
    // The signal may be ignored, or come a moment later.
    if (TopScreen::is_gone()) end(exit_code::by_signal(SIGHUP));
}

void print_snapshot(const Options& options, const TopModel& model) {
    std::vector<Record> records;
    for (const TopRow& row : model.rows({})) {
        Record& record = records.emplace_back(lock_record(row.key, row.info));
        record.push_back({"held_ms", row.held});
        record.push_back({"waited_ms", row.waited});
        record.push_back({"grants_per_second", row.grants_per_second});
    }
    if (options.json) return print_json_line(records);
    print_text(fmt::format("# {:%Y-%m-%dT%H:%M:%SZ} {}\n", fmt::gmtime(std::time(nullptr)),
                           describe(model.total())));
    print_all(choose_format(false), records);
}

int print_snapshots(Store& store, const Options& options, TopModel& model) {
    const std::shared_ptr<Clock> clock = boot_clock();
    for (int refreshes = 1;; ++refreshes) {
        if (const auto& outage = model.outage()) {
            complain(outage->why);
        } else {
            print_snapshot(options, model);
        }
        if (refreshes == options.top.count) return status_of(model);
        clock->sleep_until(clock->now() + options.top.interval, std::stop_token{});
        take(model, [&] { return store.locks.list(options.pattern); });
    }
}

}  // namespace

int top(Store& store, const Options& options) {
    TopModel model;
    model.update(now(), store.locks.list(options.pattern));
    if (options.json) return print_snapshots(store, options, model);
    Signals signals{false, {SIGWINCH}};
    std::unique_ptr<TopScreen> screen = TopScreen::open();
    if (!screen) {
        signals.restore();
        return print_snapshots(store, options, model);
    }
    TopSession watch{store, options, std::move(model), signals, std::move(screen)};
    const int status = watch.until_the_end();
    // A refresh changes nothing, and cannot be called off: nobody is to wait for it.
    if (watch.is_refreshing() && status < 0) end_by(-status);
    if (watch.is_refreshing()) std::_Exit(status);
    return status;
}

}  // namespace leaselock::cli
