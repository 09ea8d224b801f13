// The word that was meant by one that is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leaselock::cli {

// That of `known` from which `word` differs by the fewest slips: a letter too much, too few,
// another one, or two that changed places. Empty if it differs from all by more than one slip in
// three letters.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

// ", did you mean 'list'?", or nothing.
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace leaselock::cli
