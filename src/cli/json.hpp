// Texts as JSON has them.
#pragma once

#include <string>
#include <string_view>

namespace leaselock::cli {

// With its quotes, and \uXXXX for what is not printable(). JSON is UTF-8, and keys are any bytes:
// what is none becomes U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace leaselock::cli
