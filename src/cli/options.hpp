// What the command line, the environment and the configuration file say, as values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <leaselock/claim.hpp>

#include "cli/exit_code.hpp"
#include "cli/store.hpp"

namespace leaselock::cli {

enum class Action : std::uint8_t {
    run,
    hold,
    status,
    list,
    top,
    wait,
    release,
    doctor,
    bench,
    init
};
inline constexpr std::size_t actions = 10;

// Of run; and of hold, but for what is the command's.
struct RunOptions {
    std::vector<std::string> command{};
    std::chrono::milliseconds ttl = std::chrono::seconds{30};
    std::chrono::milliseconds min_hold{0};
    std::chrono::milliseconds grace = std::chrono::seconds{5};
    Share share{};
    int if_held = exit_code::not_acquired;
    bool foreground = false;
    bool verbose = false;
    std::string metrics_file{};  // empty: none is written
};

struct TopOptions {
    std::chrono::milliseconds interval = std::chrono::seconds{1};
    int count = 0;  // of refreshes; 0: without end
};

struct InitOptions {
    std::string directory{};
    std::string group{};
};

struct Options {
    Action action = Action::run;
    StoreOptions store{};
    bool json = false;
    std::string key{};
    std::string pattern = "*";
    std::optional<std::chrono::milliseconds> wait{};  // nothing: for ever
    std::string token{};                              // whose holder is to lose the lock
    bool force = false;                               // whichever owner holds it
    std::chrono::milliseconds bench_time = std::chrono::seconds{1};  // for each measurement
    RunOptions run{};
    TopOptions top{};
    InitOptions init{};
};

}  // namespace leaselock::cli
