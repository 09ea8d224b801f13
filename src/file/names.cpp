#include "file/names.hpp"

#include <fmt/format.h>

#include "base/percent.hpp"

namespace leaselock::file {
namespace {

constexpr std::size_t longest = 255;
constexpr std::string_view cut_mark = "%-";

bool stands_for_itself(char c, std::size_t at) noexcept {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || c == '_' || c == ':' || c == '-' || (c == '.' && at > 0);
}

}  // namespace

std::string name_of(std::string_view key) {
    std::string name = base::percent_encoded(key, stands_for_itself);
    if (name.size() <= longest) return name;
    const std::string end = fmt::format("{}{:016x}", cut_mark, hash_of(key));
    name.resize(longest - end.size());
    return name + end;
}

std::optional<std::string> key_of(std::string_view name) {
    return is_of_lock(name) ? base::percent_decoded(name) : std::nullopt;
}

}  // namespace leaselock::file
