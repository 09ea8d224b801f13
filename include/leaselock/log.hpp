// Events as lines of a log. LogObserver makes an Observer from a callback, which hands the lines to
// whatever the program logs with:
//
//     leaselock::LockManager locks{{.observer = std::make_shared<leaselock::LogObserver>(
//         [](leaselock::LogLevel, std::string_view line) { std::clog << line << '\n'; })}};
//
// A line is logfmt, without its end:
//
//     event=lost key="stock-7" key_template="stock-{{id}}" owner="host:1" fence=42
//     held_ms=10001.250 error="the lock is lost"
//
// in one line. Texts stand in quotes, and in them a quote, a backslash and what is not printable()
// are written as \xNN, so no key or holder can forge a line, or a field, or command a terminal.
// What there is nothing to tell of is left out. Keys and owners are in it, tokens of owners never.
//
// Thread-safety: as Observer says: the callback runs on the manager's thread for events. It may
// block, and what it throws is dropped.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include <leaselock/detail/export.hpp>
#include <leaselock/observer.hpp>

namespace leaselock {

enum class LogLevel : std::uint8_t {
    debug,    // acquired, renewed, released
    info,     // contended, force_released, and cleanup that settled a release
    warning,  // error, default_unset, and cleanup that gave a release up
    error,    // lost, ended_after_loss
};

[[nodiscard]] LEASELOCK_EXPORT std::string_view to_string(LogLevel level) noexcept;

class LEASELOCK_EXPORT LogObserver final : public Observer {
  public:
    using Sink = std::function<void(LogLevel level, std::string_view line)>;

    // The sink gets the events of that level and above, and must not be empty.
    explicit LogObserver(Sink sink, LogLevel least = LogLevel::info);

    void on_acquired(const LockEvent& event) override;
    void on_contended(const LockEvent& event) override;
    void on_renewed(const LockEvent& event) override;
    void on_lost(const LockEvent& event) override;
    void on_ended_after_loss(const LockEvent& event) override;
    void on_released(const LockEvent& event) override;
    void on_error(const LockEvent& event) override;
    void on_cleanup(const LockEvent& event) override;
    void on_force_released(const LockEvent& event) override;
    void on_default_unset(const LockEvent& event) override;

  private:
    void log(LogLevel level, std::string_view name, const LockEvent& event) const;

    Sink sink_;
    LogLevel least_;
};

}  // namespace leaselock
