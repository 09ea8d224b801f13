#include "cli/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <numeric>

namespace leaselock::cli {
namespace {

constexpr std::size_t letters_a_slip = 3;
constexpr std::size_t longest_word = 64;  // of ours; what is longer is none of them

// The optimal string alignment distance, row by row.
std::size_t slips(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before;
    std::vector<std::size_t> last;
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before = std::move(last);
        last = row;
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
            const bool are_swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (are_swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return row.back();
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
    std::string result;
    if (word.size() > longest_word) return result;
    std::size_t fewest = std::max<std::size_t>(1, word.size() / letters_a_slip) + 1;
    for (const std::string& each : known) {
        const std::size_t count = slips(word, each);
        // Two words of two letters have nothing in common if both letters differ.
        if (count >= fewest || count >= std::min(word.size(), each.size())) continue;
        fewest = count;
        result = each;
    }
    return result;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
    const std::string meant = nearest(word, known);
    return meant.empty() ? "" : fmt::format(", did you mean '{}'?", meant);
}

}  // namespace leaselock::cli
