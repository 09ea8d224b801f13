// Looks whether a history keeps what locks promise: no two holders of a key assert at the same time
// that they hold it, but for those who have shares of it, as many as there are; and the fences of a
// key strictly rise in the order of its grants. What it finds is certain: two events that may have
// been in either order are taken for right.
//
// Thread-safety: a function without state.
#pragma once

#include <string>
#include <vector>

#include "support/history.hpp"

namespace leaselock::support {

// Whether holders must exclude each other, or did something happen behind which that is not
// promised: the server's clock was stepped, its data were lost. Then overlaps are for counting, and
// of the order of grants only that is known which follows from the calls of acquire.
enum class Overlaps { are_faults, may_be };

// Each text is one finding.
struct Verdict {
    std::vector<std::string> overlaps;   // a holder began while another one held
    std::vector<std::string> disorders;  // a fence is not above those before it, or is there twice

    // All of them, one a line; empty if there are none.
    [[nodiscard]] std::string text() const;
};

// Takes n log n steps.
[[nodiscard]] Verdict check(const std::vector<Holding>& history,
                            Overlaps overlaps = Overlaps::are_faults);

}  // namespace leaselock::support
