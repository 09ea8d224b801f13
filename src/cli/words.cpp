#include "cli/words.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <string_view>

#include "cli/url_text.hpp"

namespace leaselock::cli {
namespace {

bool takes_value(const CLI::App& app, const CLI::App* sub, const std::string& name) {
    const CLI::Option* option = sub == nullptr ? nullptr : sub->get_option_no_throw(name);
    if (option == nullptr) option = app.get_option_no_throw(name);
    return option != nullptr && option->get_items_expected_max() > 0;
}

// Whether the value of this option, or of the last of these short ones, is the next word.
bool takes_next(const CLI::App& app, const CLI::App* sub, const std::string& word) {
    if (word.starts_with("--")) return takes_value(app, sub, word);
    for (std::size_t at = 1; at < word.size(); ++at) {
        if (takes_value(app, sub, {'-', word[at]})) return at + 1 == word.size();
    }
    return false;
}

bool is_option(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

const CLI::App* subcommand(const CLI::App& app, const std::string& name) {
    const auto all =
        app.get_subcommands([&](const CLI::App* sub) { return sub->check_name(name); });
    return all.empty() ? nullptr : all.front();
}

// Where the command begins that is at `from` or after a mark there.
std::size_t after_mark(const std::vector<std::string>& words, std::size_t from) {
    return from < words.size() && words[from] == "--" ? from + 1 : from;
}

// Where ours end, and where the command begins.
struct Cut {
    std::size_t ours;
    std::size_t command;
};

Cut find_command(const CLI::App& app, const std::vector<std::string>& words) {
    const CLI::App* sub = nullptr;
    bool has_key = false;
    for (std::size_t at = 0; at < words.size(); ++at) {
        if (words[at] == "--") {
            if (sub == nullptr) break;
            const bool key_follows = !has_key && at + 2 < words.size() && is_option(words[at + 1]);
            if (key_follows) return {at + 2, after_mark(words, at + 2)};
            return {at, at + 1};
        }
        if (is_option(words[at])) {
            if (takes_next(app, sub, words[at])) ++at;
        } else if (sub == nullptr) {
            sub = subcommand(app, words[at]);
            if (sub == nullptr || sub->get_name() != "run") break;
        } else if (!has_key) {
            has_key = true;
        } else {
            return {at, at};
        }
    }
    return {words.size(), words.size()};
}

}  // namespace

Words split(const CLI::App& app, const std::vector<std::string>& words) {
    const Cut cut = find_command(app, words);
    const auto at = [&](std::size_t index) {
        return words.begin() + static_cast<std::ptrdiff_t>(index);
    };
    return {{words.begin(), at(cut.ours)}, {at(cut.command), words.end()}};
}

void hide_secrets(char** argv, std::size_t count) {
    bool is_token = false;
    for (std::size_t at = 0; at < count; ++at) {
        char* const word = argv[at];
        const std::string_view text{word};
        auto [begin, end] = user_in(text);
        if (is_token || text.starts_with("--token=")) {
            begin = is_token ? 0 : text.find('=') + 1;
            end = text.size();
        }
        std::fill(word + begin, word + end, '*');
        is_token = !is_token && text == "--token";
    }
}

}  // namespace leaselock::cli
