// The subcommands and their options, for CLI11.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "cli/options.hpp"

namespace CLI {
class App;
}

namespace leaselock::cli {

// What each subcommand's options are filled into, whether they come from the command line or from
// its section of a file: what is said to one does not count for another.
class Choice {
  public:
    [[nodiscard]] Options& of(Action action) noexcept {
        return each_[static_cast<std::size_t>(action)];
    }

    std::optional<Action> chosen{};

  private:
    std::array<Options, actions> each_{};
};

inline constexpr const char* json_text = "JSON, one object, or an array of them";

// `choice` must live as long as `app` parses.
void add_commands(CLI::App& app, Choice& choice);

}  // namespace leaselock::cli
