#include "cli/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fmt/core.h>
#include <iterator>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include <leaselock/lock_options.hpp>
#include <leaselock/version.hpp>

#include "cli/duration.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/url_text.hpp"
#include "cli/usage_error.hpp"
#include "cli/words.hpp"

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

// Of the looks of top: nobody reads faster, and a walk through the store costs it something.
constexpr milliseconds shortest_interval{100};
constexpr milliseconds longest_interval = std::chrono::hours{24};

// CLI11 does not know of the command of `run`, and has too many words for the options.
class Usage : public CLI::Formatter {
  public:
    Usage() { column_width(36); }
    [[nodiscard]] std::string make_option_opts(const CLI::Option* option) const override {
        const std::string type = option->get_type_name();
        return type.empty() ? "" : ' ' + type;
    }
    [[nodiscard]] std::string make_usage(const CLI::App* app, std::string name) const override {
        std::string text = CLI::Formatter::make_usage(app, std::move(name));
        if (app->get_name() != "run") return text;
        text.erase(text.find_last_not_of('\n') + 1);
        return text + " [--] COMMAND [ARGUMENT...]\n";
    }
};

template <class Set>
CLI::Option* add_duration(CLI::App& app, const std::string& name, const std::string& what,
                          Set set) {
    return app
        .add_option_function<std::string>(
            name,
            [name, set](const std::string& text) {
                const std::optional<milliseconds> duration = parse_duration(text);
                if (!duration) {
                    throw CLI::ValidationError(
                        fmt::format("{} is no duration, say for example 500ms, 30s, 5m or 2h",
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

CLI::Option* add_wait(CLI::App& app, Options& options) {
    return add_duration(app, "-w,--wait",
                        "Wait at most so long for a held lock (default: for ever)",
                        [&options](milliseconds d) { options.wait = d; });
}

// The subcommands, one function each.

CLI::App& add_subcommand(CLI::App& app, Options& options, Action action, const std::string& name,
                         const std::string& what, const std::string& footer) {
    CLI::App& sub = *app.add_subcommand(name, what);
    sub.fallthrough();
    sub.footer(fmt::format("{}\n\n{}", help::shared, footer));
    sub.parse_complete_callback([&options, action] { options.action = action; });
    if (action != Action::run) {
        sub.add_flag("--json", options.json, "JSON, one object, or an array of them");
    }
    return sub;
}

void add_key(CLI::App& sub, Options& options) {
    sub.add_option("KEY", options.key, "The lock")->required()->type_name("");
}

void add_run(CLI::App& app, Options& options) {
    CLI::App& sub = add_subcommand(app, options, Action::run, "run",
                                   "Run a command while a lock is held", help::run);
    RunOptions& run = options.run;
    add_key(sub, options);
    add_duration(sub, "--ttl", "How long the lock outlives a holder that died (default: 30s)",
                 [&run](milliseconds d) { run.ttl = d; });
    CLI::Option* const wait = add_wait(sub, options);
    sub.add_flag_callback(
           "-n,--nonblock", [&options] { options.wait = milliseconds{0}; },
           "Do not wait for a held lock")
        ->excludes(wait);
    CLI::Option* const shared = sub.add_flag_callback(
        "--shared", [&run] { run.share = leaselock::shared; },
        "A reader's share: beside other readers, and never beside one who has it without this");
    add_number(sub, "--slots", 1, max_permits,
               "One of so many slots: at most so many commands at once; all say the same number",
               [&run](int count) {
                   run.share = {1, count};
               })
        ->excludes(shared)
        ->type_name("N");
    add_duration(sub, "--min-hold", "Keep the lock at least so long, from its acquisition on",
                 [&run](milliseconds d) { run.min_hold = d; });
    add_number(sub, "-E,--conflict-exit-code", 0, 255,
               "The exit status if somebody else holds the lock (default: 75); with 0 nothing "
               "is said about it",
               [&run](int status) { run.if_held = status; })
        ->type_name("CODE");
    add_duration(
        sub, "--grace",
        "If the lock gets lost: SIGTERM so long before SIGKILL, a third of the ttl at most "
        "(default: 5s)",
        [&run](milliseconds d) { run.grace = d; });
    sub.add_flag("--foreground", run.foreground,
                 "Leave the command in our process group: it may read from the terminal, and "
                 "signals go to it alone");
    sub.add_flag(
        "-v,--verbose", run.verbose,
        "Say where the locks are, and for whom it waits; at a terminal a wait of more than 2s is "
        "told in any case");
    sub.add_option("--metrics-file", run.metrics_file,
                   "Write metrics to this file at the end, for node_exporter's textfile collector")
        ->type_name("FILE");
}

void add_pattern(CLI::App& sub, Options& options) {
    sub.add_option("PATTERN", options.pattern, "Of keys: * ? [a-z] [^a-z] (default: *)")
        ->type_name("");
}

void add_top(CLI::App& app, Options& options) {
    CLI::App& sub =
        add_subcommand(app, options, Action::top, "top", "Watch which locks are held", help::top);
    add_pattern(sub, options);
    add_duration(sub, "--interval", "From one look to the next, 100ms to 24h (default: 1s)",
                 [&options](milliseconds d) {
                     if (d < shortest_interval || d > longest_interval) {
                         throw CLI::ValidationError("--interval is not in range 100ms to 24h");
                     }
                     options.top.interval = d;
                 });
    add_number(sub, "--count", 1, std::numeric_limits<int>::max(),
               "Look so many times (default: without end)",
               [&options](int count) { options.top.count = count; })
        ->type_name("N");
}

void add_release(CLI::App& app, Options& options) {
    CLI::App& sub = add_subcommand(app, options, Action::release, "release",
                                   "Free a lock that somebody holds", help::release);
    add_key(sub, options);
    CLI::Option* const token =
        sub.add_option("--token", options.token, "Free it if it is held by this owner token")
            ->type_name("TOKEN");
    sub.add_flag("--force", options.force, "Free it whoever holds it")->excludes(token);
}

void add_init(CLI::App& app, Options& options) {
    CLI::App& sub = add_subcommand(app, options, Action::init, "init",
                                   "Make a directory in which users share locks", help::init);
    sub.add_option("DIRECTORY", options.init.directory, "Where")->required()->type_name("");
    sub.add_option("--group", options.init.group, "Whose members share them, a name or a number")
        ->required()
        ->type_name("GROUP");
}

void add_others(CLI::App& app, Options& options) {
    add_key(add_subcommand(app, options, Action::status, "status", "Tell who holds a lock",
                           help::status),
            options);
    add_pattern(
        add_subcommand(app, options, Action::list, "list", "Tell which locks are held", help::list),
        options);
    add_top(app, options);
    CLI::App& wait = add_subcommand(app, options, Action::wait, "wait",
                                    "Wait until a lock is free, without taking it", help::wait);
    add_key(wait, options);
    add_wait(wait, options);
    add_release(app, options);
    add_subcommand(app, options, Action::doctor, "doctor", "Look for what is amiss at the backend",
                   help::doctor);
    CLI::App& bench = add_subcommand(app, options, Action::bench, "bench",
                                     "Measure how fast locks are at this backend", help::bench);
    add_duration(bench, "--time", "How long to measure each, 10ms to 1m (default: 1s)",
                 [&options](milliseconds d) { options.bench_time = d; });
    add_init(app, options);
}

void add_store(CLI::App& app, StoreOptions& store) {
    app.add_option("--url", store.url, "Where the locks are (default: LEASELOCK_URL)")
        ->type_name("URL")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_option("--prefix", store.prefix,
                   "Put before every key (default: " + ManagerOptions{}.prefix + ")")
        ->type_name("PREFIX");
    app.set_config("--config", "",
                   "A TOML file with these options; --url and LEASELOCK_URL go first")
        ->type_name("FILE");
    app.allow_config_extras(CLI::config_extras_mode::error);
}

// What stands in LEASELOCK_URL goes before all other words, so that the command line wins over it,
// and it over the configuration file.
void add_environment(std::vector<std::string>& words) {
    const char* const url = std::getenv("LEASELOCK_URL");
    if (url != nullptr && *url != '\0') words.insert(words.begin(), fmt::format("--url={}", url));
}

void check(const Options& options) {
    if (std::any_of(options.key.begin(), options.key.end(), is_control)) {
        throw UsageError(
            fmt::format("key '{}' has a control character: choose one without", options.key));
    }
    if (options.action == Action::run && options.run.command.empty()) {
        throw UsageError("no command: say leaselock run KEY COMMAND [ARGUMENT...]");
    }
    if (options.bench_time < milliseconds{10} || options.bench_time > std::chrono::minutes{1}) {
        throw UsageError(fmt::format("--time is {}, allowed are 10ms to 1m",
                                     format_duration(options.bench_time)));
    }
    if (options.action == Action::release && !options.force && options.token.empty()) {
        throw UsageError(
            "whose lock is it? Say --token TOKEN, which the holder has in "
            "LEASELOCK_TOKEN, or --force");
    }
}

std::string help_hint(const CLI::App& app) {
    const std::vector<const CLI::App*> chosen =
        app.get_subcommands([](const CLI::App* sub) { return sub->parsed(); });
    return chosen.empty() ? "leaselock --help"
                          : fmt::format("leaselock {} --help", chosen.front()->get_name());
}

// The name of an option, without a value that stands in the same word.
std::string name_of(std::string_view word) {
    return std::string(word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2));
}

// What is wrong, without a word of the user's that may be a password, or have one in it.
std::string text_of(const CLI::App& app, const CLI::Error& error) {
    for (const std::string& word : app.remaining(true)) {
        if (word.size() < 2 || word[0] != '-') continue;
        return fmt::format(
            "option {} is not known; a key that begins with - goes after a -- of its own",
            name_of(word));
    }
    std::string text = error.what();
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
        return "too many arguments; a command is for leaselock run KEY COMMAND";
    }
    if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
        return text.substr(0, text.find(" = "));
    }
    if (dynamic_cast<const CLI::FileError*>(&error) != nullptr) return without_user(text);
    return text;
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv) {
    Options options;
    options.store.words.assign(argv, argv + argc);
    CLI::App app{"Distributed locks on the command line"};
    app.name("leaselock");
    app.formatter(std::make_shared<Usage>());
    app.set_version_flag("--version", fmt::format("leaselock {}.{}.{}", version_major,
                                                  version_minor, version_patch));
    app.require_subcommand(1);
    app.footer(help::all);
    add_store(app, options.store);
    add_run(app, options);
    add_others(app, options);
    auto [words, command] = split(app, {argv + 1, argv + argc});
    hide_secrets(argv, 1 + words.size());
    options.run.command = std::move(command);
    add_environment(words);
    try {
        // The last one first, as CLI11 wants them.
        std::reverse(words.begin(), words.end());
        app.parse(std::move(words));
    } catch (const CLI::Success& asked) {
        app.exit(asked);
        return {};
    } catch (const CLI::Error& error) {
        throw UsageError(fmt::format("{} (see {})", text_of(app, error), help_hint(app)));
    }
    check(options);
    return options;
}

}  // namespace leaselock::cli
