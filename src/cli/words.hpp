// The words of the command line, before CLI11 reads them: which are ours, which are the command of
// `run`, and which nobody is to see in the list of processes.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace leaselock::cli {

struct Words {
    std::vector<std::string> ours{};
    std::string subcommand{};  // as it is said, whether there is such a one or not
    std::vector<std::string> command{};
};

// `words` are without the program's name. The command of `run` begins after its KEY: at the first
// word that is no option of ours, or after a `--`. A KEY that begins with - has a `--` before it.
[[nodiscard]] Words split(const CLI::App& app, const std::vector<std::string>& words);

// Passwords and owner tokens in the first `count` of main()'s words become asterisks.
void hide_secrets(char** argv, std::size_t count);

}  // namespace leaselock::cli
