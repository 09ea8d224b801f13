#include "cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <limits>
#include <string>

#include <leaselock/claim.hpp>

#include "cli/duration.hpp"
#include "cli/help.hpp"

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

// Of the refreshes of top: nobody reads faster, and a walk through the store costs it something.
constexpr milliseconds shortest_interval{100};
constexpr milliseconds longest_interval = std::chrono::hours{24};

template <class Set>
CLI::Option* add_duration(CLI::App& app, const std::string& name, const std::string& what,
                          Set set) {
    return app
        .add_option_function<std::string>(
            name,
            [name, set](const std::string& text) {
                const std::optional<milliseconds> duration = parse_duration(text);
                if (!duration) {
                    throw CLI::ValidationError(fmt::format(
                        "{} is no duration, say for example 500ms, 30s, 1m30s, 2h or 1d",
                        name.substr(0, name.find(','))));
                }
                set(*duration);
            },
            what)
        ->type_name("DURATION");
}

// CLI11's own would show the value, and it may be a password in the wrong place.
template <class Set>
CLI::Option* add_number(CLI::App& app, const std::string& name, int least, int most,
                        const std::string& what, Set set) {
    return app.add_option_function<std::string>(
        name,
        [=](const std::string& text) {
            int number = 0;
            const char* const end = text.data() + text.size();
            const auto [parsed, error] = std::from_chars(text.data(), end, number);
            if (error != std::errc{} || parsed != end || number < least || number > most) {
                throw CLI::ValidationError(fmt::format(
                    "{} is not in range {} to {}", name.substr(name.rfind(',') + 1), least, most));
            }
            set(number);
        },
        what);
}

// A subcommand, and what its options are filled into.
struct Command {
    CLI::App& app;
    Options& options;
};

Command add_command(CLI::App& app, Choice& choice, Action action, const std::string& name,
                    const std::string& what, const std::string& footer) {
    CLI::App& sub = *app.add_subcommand(name, what);
    Options& options = choice.of(action);
    options.action = action;
    sub.fallthrough();
    sub.footer(fmt::format("{}\n\n{}", help::shared, footer));
    sub.parse_complete_callback([&choice, action] { choice.chosen = action; });
    if (action != Action::run) sub.add_flag("--json", options.json, json_text);
    return {sub, options};
}

void add_key(const Command& command) {
    command.app.add_option("KEY", command.options.key, "The lock")->required()->type_name("");
}

void add_pattern(const Command& command) {
    command.app
        .add_option("PATTERN", command.options.pattern, "Of keys: * ? [a-z] [^a-z] (default: *)")
        ->type_name("");
}

CLI::Option* add_wait(const Command& command) {
    return add_duration(command.app, "-w,--wait",
                        "Wait at most so long for a held lock (default: for ever)",
                        [&options = command.options](milliseconds d) { options.wait = d; });
}

// How a lock is acquired.
void add_acquisition(const Command& command) {
    CLI::App& app = command.app;
    Options& options = command.options;
    RunOptions& run = options.run;
    add_duration(app, "--ttl", "How long the lock outlives a holder that died (default: 30s)",
                 [&run](milliseconds d) { run.ttl = d; });
    CLI::Option* const wait = add_wait(command);
    app.add_flag_callback(
           "-n,--nonblock", [&options] { options.wait = milliseconds{0}; },
           "Do not wait for a held lock")
        ->excludes(wait);
    CLI::Option* const shared = app.add_flag_callback(
        "--shared", [&run] { run.share = leaselock::shared; },
        "A reader's share: beside other readers, and never beside one who has it without this");
    add_number(app, "--slots", 1, max_permits,
               "One of so many slots: at most so many holders at once; all say the same number",
               [&run](int count) {
                   run.share = {1, count};
               })
        ->excludes(shared)
        ->type_name("N");
    add_duration(app, "--min-hold", "Keep the lock at least so long, from its acquisition on",
                 [&run](milliseconds d) { run.min_hold = d; });
    add_number(app, "-E,--conflict-exit-code", 0, 255,
               "The exit status if somebody else holds the lock (default: 75); with 0 nothing "
               "is said about it",
               [&run](int status) { run.if_held = status; })
        ->type_name("CODE");
    app.add_flag("-v,--verbose", run.verbose,
                 "Say where the locks are, and for whom it waits; at a terminal a wait of more "
                 "than 2s is reported in any case");
    app.add_option("--metrics-file", run.metrics_file,
                   "Write metrics to this file at the end, for node_exporter's textfile collector")
        ->type_name("FILE");
}

void add_run(CLI::App& app, Choice& choice) {
    const Command command = add_command(app, choice, Action::run, "run",
                                        "Run a command while a lock is held", help::run);
    RunOptions& run = command.options.run;
    add_key(command);
    add_acquisition(command);
    add_duration(
        command.app, "--grace",
        "If the lock gets lost: SIGTERM so long before SIGKILL, a third of the ttl at most "
        "(default: 5s)",
        [&run](milliseconds d) { run.grace = d; });
    command.app.add_flag("--foreground", run.foreground,
                         "Leave the command in our process group: it may read from the terminal, "
                         "and signals go to it alone");
}

void add_hold(CLI::App& app, Choice& choice) {
    const Command command =
        add_command(app, choice, Action::hold, "hold",
                    "Hold a lock until standard input closes or a signal comes", help::hold);
    add_key(command);
    add_acquisition(command);
}

void add_top(CLI::App& app, Choice& choice) {
    const Command command =
        add_command(app, choice, Action::top, "top", "Watch which locks are held", help::top);
    TopOptions& top = command.options.top;
    add_pattern(command);
    add_duration(command.app, "--interval",
                 "From one refresh to the next, 100ms to 24h (default: 1s)",
                 [&top](milliseconds d) {
                     if (d < shortest_interval || d > longest_interval) {
                         throw CLI::ValidationError("--interval is not in range 100ms to 24h");
                     }
                     top.interval = d;
                 });
    add_number(command.app, "--count", 1, std::numeric_limits<int>::max(),
               "Refresh so many times (default: without end)",
               [&top](int count) { top.count = count; })
        ->type_name("N");
}

void add_release(CLI::App& app, Choice& choice) {
    const Command command = add_command(app, choice, Action::release, "release",
                                        "Free a lock that somebody holds", help::release);
    auto& [sub, options] = command;
    add_key(command);
    CLI::Option* const token =
        sub.add_option("--token", options.token, "Free it if it is held by this owner token")
            ->type_name("TOKEN");
    sub.add_flag("--force", options.force, "Free it, whichever owner holds it")->excludes(token);
}

void add_init(CLI::App& app, Choice& choice) {
    const auto [sub, options] =
        add_command(app, choice, Action::init, "init",
                    "Make a directory in which users share locks", help::init);
    sub.add_option("DIRECTORY", options.init.directory, "Where")->required()->type_name("");
    sub.add_option("--group", options.init.group, "Whose members share them, a name or a number")
        ->required()
        ->type_name("GROUP");
}

void add_bench(CLI::App& app, Choice& choice) {
    const Command command = add_command(app, choice, Action::bench, "bench",
                                        "Measure how fast locks are at this backend", help::bench);
    add_duration(command.app, "--time", "How long to measure each, 10ms to 1m (default: 1s)",
                 [&options = command.options](milliseconds d) { options.bench_time = d; });
}

}  // namespace

void add_commands(CLI::App& app, Choice& choice) {
    add_run(app, choice);
    add_hold(app, choice);
    add_key(
        add_command(app, choice, Action::status, "status", "Tell who holds a lock", help::status));
    add_pattern(
        add_command(app, choice, Action::list, "list", "Tell which locks are held", help::list));
    add_top(app, choice);
    const Command wait = add_command(app, choice, Action::wait, "wait",
                                     "Wait until a lock is free, without taking it", help::wait);
    add_key(wait);
    add_wait(wait);
    add_release(app, choice);
    add_command(app, choice, Action::doctor, "doctor", "Look for what is wrong at the backend",
                help::doctor);
    add_bench(app, choice);
    add_init(app, choice);
}

}  // namespace leaselock::cli
