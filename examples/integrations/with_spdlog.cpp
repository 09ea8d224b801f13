// Events of locks as lines of spdlog, each with its level.
#include <memory>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sstream>
#include <string_view>

#include <leaselock/leaselock.hpp>

// The program's logger gets each event. Its own level decides what is written.
std::shared_ptr<leaselock::Observer> log_to(std::shared_ptr<spdlog::logger> logger) {
    return std::make_shared<leaselock::LogObserver>(
        [logger = std::move(logger)](leaselock::LogLevel level, std::string_view line) {
            switch (level) {
                case leaselock::LogLevel::debug: return logger->debug("{}", line);
                case leaselock::LogLevel::info: return logger->info("{}", line);
                case leaselock::LogLevel::warning: return logger->warn("{}", line);
                case leaselock::LogLevel::error: return logger->error("{}", line);
            }
        },
        leaselock::LogLevel::debug);
}

int main() {
    std::ostringstream out;
    auto logger = std::make_shared<spdlog::logger>(
        "locks", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
    logger->set_level(spdlog::level::debug);
    {
        leaselock::LockManager locks{{.observer = log_to(logger)}};
        auto lock = locks.acquire("stock-7").value();
    }  // the manager's destructor waits for what is to be logged
    const std::string log = out.str();
    return log.find("[debug] event=acquired key=\"stock-7\"") != std::string::npos ? 0 : 1;
}
