#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <string_view>
#include <utility>

#include <leaselock/guarantees.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/version.hpp>

#include "cli/commands.hpp"
#include "cli/configuration.hpp"
#include "cli/duration.hpp"
#include "cli/help.hpp"
#include "cli/nearest.hpp"
#include "cli/output.hpp"
#include "cli/usage_error.hpp"
#include "cli/words.hpp"

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

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

// The options that go with each subcommand, before or after its name.
void add_shared(CLI::App& app, Options& options, std::string& configuration) {
    StoreOptions& store = options.store;
    app.add_option("--url", store.url, "Where the locks are (default: LEASELOCK_URL)")
        ->type_name("URL")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_option(
           "--prefix", store.prefix,
           "Put before every key (default: LEASELOCK_PREFIX, or " + ManagerOptions{}.prefix + ")")
        ->type_name("PREFIX")
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_option("--owner", store.owner,
                   "Who we are, for those who look at a lock of ours (default: host:pid)")
        ->type_name("NAME");
    app.add_flag("--json", options.json, json_text)->configurable(false);
    app.add_option("--config", configuration,
                   "A TOML file with these options (default: leaselock/config.toml in ~/.config "
                   "or /etc); the command line and the environment go first")
        ->type_name("FILE")
        ->configurable(false);
}

// What stands in the environment goes before all other words, so that the command line wins over
// it, and it over the configuration file.
void add_environment(std::vector<std::string>& words) {
    constexpr std::pair<const char*, const char*> all[] = {{"LEASELOCK_URL", "--url"},
                                                           {"LEASELOCK_PREFIX", "--prefix"}};
    for (const auto& [name, option] : all) {
        const char* const value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        words.insert(words.begin(), fmt::format("{}={}", option, value));
    }
}

void check(const Options& options) {
    if (std::any_of(options.key.begin(), options.key.end(), is_control)) {
        throw UsageError(
            fmt::format("key '{}' has a control character: choose one without", options.key));
    }
    if (options.action == Action::run && options.run.command.empty()) {
        throw UsageError("no command: say leaselock run KEY COMMAND [ARGUMENT...]");
    }
    if (options.action == Action::run && options.json) {
        throw UsageError("--json is not for run, whose output is that of its command");
    }
    // The ttl covers it, and would be named.
    if (options.run.min_hold > max_ttl) {
        throw UsageError(fmt::format("--min-hold is {}, allowed are 0 to 24h",
                                     format_duration(options.run.min_hold)));
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

const CLI::App* chosen_of(const CLI::App& app) {
    const auto chosen = app.get_subcommands([](const CLI::App* sub) { return sub->parsed(); });
    return chosen.empty() ? nullptr : chosen.front();
}

std::string help_hint(const CLI::App& app) {
    const CLI::App* const chosen = chosen_of(app);
    return chosen == nullptr ? "leaselock --help"
                             : fmt::format("leaselock {} --help", chosen->get_name());
}

// The name of an option, without a value that stands in the same word.
std::string option_name(std::string_view word) {
    return std::string(word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2));
}

std::string no_such_option(const CLI::App& app, const std::string& name) {
    std::vector<std::string> known;
    for (const CLI::App* each : {&app, chosen_of(app)}) {
        if (each == nullptr) continue;
        for (const CLI::Option* option : each->get_options({})) {
            for (const std::string& word : option->get_lnames()) known.push_back("--" + word);
        }
    }
    const std::string meant = suggestion(name, known);
    return fmt::format(
        "option {} is not known{}", name,
        meant.empty() ? "; a key that begins with - goes after a -- of its own" : meant);
}

// What is wrong, without a word of the user's that may be a password, or have one in it.
std::string text_of(const CLI::App& app, const CLI::Error& error) {
    for (const std::string& word : app.remaining(true)) {
        if (word.size() > 1 && word[0] == '-') return no_such_option(app, option_name(word));
    }
    std::string text = error.what();
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
        return "too many arguments; a command is for leaselock run KEY COMMAND";
    }
    if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
        return text.substr(0, text.find(" = "));
    }
    return text;
}

// Nothing is said of a word that is near to none: it may be a password.
void check_subcommand(const CLI::App& app, const std::string& word) {
    std::vector<std::string> known;
    std::string all;
    for (const CLI::App* sub : app.get_subcommands({})) {
        known.push_back(sub->get_name());
        all += (all.empty() ? "" : ", ") + sub->get_name();
    }
    if (word.empty() || std::find(known.begin(), known.end(), word) != known.end()) return;
    const std::string meant = nearest(word, known);
    const std::string what =
        meant.empty() ? fmt::format("there is no such subcommand; there are {}", all)
                      : fmt::format("there is no subcommand '{}', did you mean '{}'?", word, meant);
    throw UsageError(what + " (see leaselock --help)");
}

}  // namespace

std::optional<Options> parse_options(int argc, char** argv) {
    Options shared;
    Choice choice;
    CLI::App app{"Distributed locks on the command line"};
    app.name("leaselock");
    app.formatter(std::make_shared<Usage>());
    app.set_version_flag("--version", fmt::format("leaselock {}.{}.{}", version_major,
                                                  version_minor, version_patch));
    app.require_subcommand(1);
    app.footer(help::all);
    std::string configuration = default_configuration();
    add_shared(app, shared, configuration);
    add_commands(app, choice);
    shared.store.words.assign(argv, argv + argc);
    auto [words, subcommand, command] = split(app, {argv + 1, argv + argc});
    hide_secrets(argv, 1 + words.size());
    check_subcommand(app, subcommand);
    add_environment(words);
    try {
        // The last one first, as CLI11 wants them.
        std::reverse(words.begin(), words.end());
        app.parse(std::move(words));
        if (!configuration.empty()) apply_configuration(app, configuration);
    } catch (const CLI::Success& asked) {
        app.exit(asked);
        return {};
    } catch (const CLI::Error& error) {
        throw UsageError(fmt::format("{} (see {})", text_of(app, error), help_hint(app)));
    }
    Options& options = choice.of(choice.chosen.value());
    options.store = std::move(shared.store);
    options.json = options.json || shared.json;
    options.run.command = std::move(command);
    check(options);
    return std::move(options);
}

}  // namespace leaselock::cli
