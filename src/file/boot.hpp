// Which boot of the machine this is: what an earlier one has left holds nothing.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <array>

namespace leaselock::file {

using BootId = std::array<char, 40>;

// As the kernel says it, padded with zeros. Throws FileError, and never answers without knowing it:
// a state that cannot be dated is nobody's to discard. The next call tries again.
[[nodiscard]] const BootId& boot_id();

}  // namespace leaselock::file
