// What the library of fmt has of all that we call: with it inside the program, that library is not
// loaded.
#define FMT_HEADER_ONLY
#include <fmt/format.h>
#include <string>

namespace leaselock::cli {
namespace {

using Format = std::string (*)(fmt::string_view, fmt::format_args);
[[gnu::used]] const Format format = &fmt::vformat;

}  // namespace
}  // namespace leaselock::cli
