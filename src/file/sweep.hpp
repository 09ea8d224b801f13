// What ended processes have left in a directory, so that it does not grow: a new member
// looks at some of it, and a list or a check at all.
//
// Thread-safety: functions without state.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "file/directory.hpp"

namespace leaselock::file {

// A few names in the directory, from one on that `random` says. Throws FileError.
[[nodiscard]] std::vector<std::string> some_names(const Directory& directory, std::size_t random);

}  // namespace leaselock::file
