#include "cli/words.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <string_view>

#include "cli/url_text.hpp"

namespace leaselock::cli {
namespace {

bool takes_value(const CLI::App& app, const std::string& subcommand, const std::string& name) {
    const auto has_it = [&](const CLI::App* each) {
        return each->check_name(subcommand) && each->get_option_no_throw(name) != nullptr;
    };
    const std::vector<const CLI::App*> subs = app.get_subcommands(has_it);
    const CLI::Option* const option =
        (subs.empty() ? &app : subs.front())->get_option_no_throw(name);
    return option != nullptr && option->get_items_expected_max() > 0;
}

// Whether the value of this option, or of the last of these short ones, is the next word.
bool takes_next(const CLI::App& app, const std::string& subcommand, const std::string& word) {
    if (word.starts_with("--")) return takes_value(app, subcommand, word);
    for (std::size_t at = 1; at < word.size(); ++at) {
        if (takes_value(app, subcommand, {'-', word[at]})) return at + 1 == word.size();
    }
    return false;
}

bool is_option(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

// Where the command begins that is at `from` or after a mark there.
std::size_t after_mark(const std::vector<std::string>& words, std::size_t from) {
    return from < words.size() && words[from] == "--" ? from + 1 : from;
}

struct Cut {
    std::size_t ours;     // where they end
    std::size_t command;  // where it begins
    std::string subcommand{};
};

Cut find_command(const CLI::App& app, const std::vector<std::string>& words) {
    Cut none{words.size(), words.size()};
    std::string& subcommand = none.subcommand;
    bool has_key = false;
    for (std::size_t at = 0; at < words.size(); ++at) {
        if (words[at] == "--") {
            if (subcommand.empty()) break;
            const bool key_follows = !has_key && at + 2 < words.size() && is_option(words[at + 1]);
            if (key_follows) return {at + 2, after_mark(words, at + 2), subcommand};
            return {at, at + 1, subcommand};
        }
        if (is_option(words[at])) {
            if (takes_next(app, subcommand, words[at])) ++at;
        } else if (subcommand.empty()) {
            subcommand = words[at];
            if (subcommand != "run") break;
        } else if (!has_key) {
            has_key = true;
        } else {
            return {at, at, subcommand};
        }
    }
    return none;
}

}  // namespace

Words split(const CLI::App& app, const std::vector<std::string>& words) {
    const Cut cut = find_command(app, words);
    const auto at = [&](std::size_t index) {
        return words.begin() + static_cast<std::ptrdiff_t>(index);
    };
    return {{words.begin(), at(cut.ours)}, cut.subcommand, {at(cut.command), words.end()}};
}

void hide_secrets(char** argv, std::size_t count) {
    bool is_token = false;
    for (std::size_t at = 0; at < count; ++at) {
        char* const word = argv[at];
        const std::string_view text{word};
        for (const auto& [begin, end] : secrets_in(text)) {
            std::fill(word + begin, word + end, '*');
        }
        if (is_token || text.starts_with("--token=")) {
            std::fill(word + (is_token ? 0 : text.find('=') + 1), word + text.size(), '*');
        }
        is_token = !is_token && text == "--token";
    }
}

}  // namespace leaselock::cli
