// The configuration file: where it lies if nobody says so, and what is wrong with one.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace leaselock::cli {

// The first that is there of leaselock/config.toml in XDG_CONFIG_HOME, which is ~/.config if it is
// not set, and of /etc/leaselock/config.toml. Empty: there is none.
[[nodiscard]] std::string default_configuration();

// Says to `app`, which has parsed the command line, what the file says to it and to its subcommand
// that was chosen. What the command line has said goes first, and so does what excludes it. Throws
// UsageError for a file that cannot be read, and with the word that was meant for one that is not
// known; it has no value in its text, since that may be a password.
void apply_configuration(CLI::App& app, const std::string& file);

}  // namespace leaselock::cli
