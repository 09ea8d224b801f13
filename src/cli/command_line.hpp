// From the words of the command line, the environment and the configuration file to options.
#pragma once

#include <optional>

#include "cli/options.hpp"

namespace leaselock::cli {

// Nothing: the user has asked for help, or for the version, and has it. Throws UsageError.
[[nodiscard]] std::optional<Options> parse_options(int argc, char** argv);

}  // namespace leaselock::cli
