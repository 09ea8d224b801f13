#include <chrono>
#include <fmt/format.h>
#include <string>
#include <utility>

#include <leaselock/log.hpp>
#include <leaselock/printable.hpp>

namespace leaselock {
namespace {

void add_text(std::string& line, std::string_view name, std::string_view text) {
    if (text.empty()) return;
    line += fmt::format(" {}=\"{}\"", name, printable(text, "\"\\"));
}

void add_time(std::string& line, std::string_view name, std::chrono::nanoseconds time) {
    if (time.count() == 0) return;
    line +=
        fmt::format(" {}={:.3f}", name, std::chrono::duration<double, std::milli>{time}.count());
}

std::string line_of(std::string_view name, const LockEvent& event) {
    std::string line = fmt::format("event={}", name);
    add_text(line, "key", event.key);
    add_text(line, "key_template", event.key_template);
    add_text(line, "owner", event.owner);
    if (event.fencing_token != 0) line += fmt::format(" fence={}", event.fencing_token);
    add_time(line, "waited_ms", event.waited);
    add_time(line, "held_ms", event.held);
    if (event.attempts != 0) line += fmt::format(" attempts={}", event.attempts);
    if (event.error != Errc{}) add_text(line, "error", make_error_code(event.error).message());
    return line;
}

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
    switch (level) {
        case LogLevel::debug: return "debug";
        case LogLevel::info: return "info";
        case LogLevel::warning: return "warning";
        case LogLevel::error: break;
    }
    return "error";
}

LogObserver::LogObserver(Sink sink, LogLevel least) : sink_{std::move(sink)}, least_{least} {}

void LogObserver::log(LogLevel level, std::string_view name, const LockEvent& event) const {
    if (level >= least_) sink_(level, line_of(name, event));
}

void LogObserver::on_acquired(const LockEvent& event) { log(LogLevel::debug, "acquired", event); }
void LogObserver::on_contended(const LockEvent& event) { log(LogLevel::info, "contended", event); }
void LogObserver::on_renewed(const LockEvent& event) { log(LogLevel::debug, "renewed", event); }
void LogObserver::on_lost(const LockEvent& event) { log(LogLevel::error, "lost", event); }
void LogObserver::on_ended_after_loss(const LockEvent& event) {
    log(LogLevel::error, "ended_after_loss", event);
}
void LogObserver::on_released(const LockEvent& event) { log(LogLevel::debug, "released", event); }
void LogObserver::on_error(const LockEvent& event) { log(LogLevel::warning, "error", event); }
void LogObserver::on_cleanup(const LockEvent& event) {
    log(event.error == Errc{} ? LogLevel::info : LogLevel::warning, "cleanup", event);
}
void LogObserver::on_force_released(const LockEvent& event) {
    log(LogLevel::info, "force_released", event);
}
void LogObserver::on_default_unset(const LockEvent& event) {
    log(LogLevel::warning, "default_unset", event);
}

}  // namespace leaselock
