#include "cli/configuration.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <fmt/format.h>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <vector>

#include "cli/nearest.hpp"
#include "cli/url_text.hpp"
#include "cli/usage_error.hpp"

namespace leaselock::cli {
namespace {

constexpr const char* of_the_machine = "/etc/leaselock/config.toml";

std::string value_of(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// A relative XDG_CONFIG_HOME counts as not set, as its specification says.
std::string of_the_user() {
    std::string directory = value_of("XDG_CONFIG_HOME");
    if (!directory.starts_with('/')) {
        const std::string home = value_of("HOME");
        if (home.empty()) return {};
        directory = home + "/.config";
    }
    return directory + "/leaselock/config.toml";
}

// Whether nothing is there. Of a file that may not be looked at nobody knows.
bool is_missing(const char* path) {
    struct stat status {};
    return ::stat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

// The text of a file may have anything in the place of a name.
bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_';
    });
}

std::vector<std::string> names_of_sections(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
    return names;
}

std::vector<std::string> names_of_options(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options({})) {
        const std::vector<std::string>& longs = option->get_lnames();
        if (option->get_configurable()) names.insert(names.end(), longs.begin(), longs.end());
    }
    return names;
}

// The section that has an option of this name; empty: none has.
std::string section_with(const CLI::App& app, const std::string& name) {
    const auto all = app.get_subcommands(
        [&](const CLI::App* sub) { return sub->get_option_no_throw("--" + name) != nullptr; });
    return all.empty() ? "" : all.front()->get_name();
}

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
    throw UsageError(fmt::format("{}: {}", without_secrets(file), what));
}

// The section of an item.
CLI::App& section_of(CLI::App& app, const CLI::ConfigItem& item, const std::string& file) {
    CLI::App* section = &app;
    for (const std::string& name : item.parents) {
        const auto all =
            section->get_subcommands([&](CLI::App* sub) { return sub->check_name(name); });
        if (all.empty() && !is_name(name)) refuse(file, "the name of a section is not known");
        if (all.empty()) {
            refuse(file, fmt::format("section [{}] is not known{}", name,
                                     suggestion(name, names_of_sections(*section))));
        }
        section = all.front();
    }
    return *section;
}

CLI::Option& option_of(CLI::App& app, const CLI::App& section, const std::string& name,
                       const std::string& file) {
    const std::vector<std::string> known = names_of_options(section);
    if (std::find(known.begin(), known.end(), name) != known.end()) {
        return const_cast<CLI::Option&>(*section.get_option_no_throw("--" + name));
    }
    if (!is_name(name)) refuse(file, "a line is no NAME = VALUE, or its name is not known");
    const std::string where = &section == &app ? "" : fmt::format(" in [{}]", section.get_name());
    const std::string other = section_with(section, name);
    refuse(file, fmt::format("option '{}' is not known{}{}", name, where,
                             other.empty() ? suggestion(name, known)
                                           : fmt::format(", but in a section, as [{}]", other)));
}

bool is_said(const CLI::Option& option) {
    const std::set<CLI::Option*> others = option.get_excludes();
    return option.count() > 0 || std::any_of(others.begin(), others.end(),
                                             [](CLI::Option* each) { return each->count() > 0; });
}

void say(CLI::Option& option, const CLI::ConfigItem& item, const CLI::Config& format) {
    if (option.get_expected_min() == 0) {
        option.add_result(option.get_flag_value(item.name, format.to_flag(item)));
    } else {
        option.add_result(item.inputs);
    }
    option.run_callback();
}

}  // namespace

std::string default_configuration() {
    struct stat status {};
    std::string ours = of_the_user();
    if (!ours.empty() && ::stat(ours.c_str(), &status) == 0) return ours;
    return is_missing(of_the_machine) ? "" : of_the_machine;
}

void apply_configuration(CLI::App& app, const std::string& file) {
    const auto format = app.get_config_formatter();
    // A directory can be opened, and reads as an empty file.
    if (CLI::detail::check_path(file.c_str()) != CLI::detail::path_type::file) {
        refuse(file, "the configuration cannot be read");
    }
    std::vector<CLI::ConfigItem> items;
    try {
        items = format->from_file(file);
    } catch (const CLI::Error&) {
        refuse(file, "the configuration cannot be read");
    }
    for (const CLI::ConfigItem& item : items) {
        CLI::App& section = section_of(app, item, file);
        if (item.name == "++" || item.name == "--") continue;
        CLI::Option& option = option_of(app, section, item.name, file);
        if ((&section != &app && !section.parsed()) || is_said(option)) continue;
        try {
            say(option, item, *format);
        } catch (const CLI::ValidationError& error) {
            refuse(file, error.what());
        } catch (const CLI::Error&) {
            refuse(file, fmt::format("option '{}' has no such value", item.name));
        }
    }
}

}  // namespace leaselock::cli
