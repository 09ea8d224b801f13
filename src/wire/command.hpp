// Commands as bytes. Several commands appended to one string are a pipeline.
//
// Thread-safety: functions without state.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace leaselock::wire {

// Appends one command; arguments may hold any bytes, and there must be at least one. Throws
// std::bad_alloc, and then leaves `out` as it was.
void append_command(std::string& out, std::span<const std::string_view> arguments);

}  // namespace leaselock::wire
