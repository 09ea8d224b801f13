#include "support/history_check.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <tuple>

namespace leaselock::support {
namespace {

using Time = Clock::time_point;
using Holdings = std::vector<const Holding*>;

// A part of a holding's life.
struct Span {
    Time start;
    Time end;
    const Holding* holding = nullptr;
};

std::string text_of(const Holding& holding) {
    const auto us = [](Time time) {
        return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch())
            .count();
    };
    return fmt::format("{} (fence {}, {} of {}, granted from {} to {} us, last yes {})",
                       holding.holder, holding.fence, holding.claim.count(), holding.claim.of(),
                       us(holding.asked), us(holding.answered),
                       holding.last_yes ? std::to_string(us(*holding.last_yes)) : "never");
}

std::string finding(const Holding& first, const char* what, const Holding& second) {
    return fmt::format("'{}': {} {} {}", first.key, text_of(first), what, text_of(second));
}

// What each holder asserts for certain, or each who has the whole key.
std::vector<Span> claims(const Holdings& holdings, bool whole = false) {
    std::vector<Span> spans;
    for (const Holding* each : holdings) {
        if (!each->last_yes || (whole && !each->claim.is_exclusive())) continue;
        spans.push_back({each->answered, *each->last_yes, each});
    }
    return spans;
}

// In which each grant was made.
std::vector<Span> calls(const Holdings& holdings) {
    std::vector<Span> spans;
    for (const Holding* each : holdings) spans.push_back({each->asked, each->answered, each});
    return spans;
}

// Whoever holds at one moment.
class Together {
  public:
    // Those that ended by then are gone.
    void pass(Time time) {
        while (!by_end_.empty() && by_end_.begin()->first <= time) {
            const Claim claim = by_end_.begin()->second->claim;
            used_ -= claim.count();
            if (--uses_[use_of(claim)] == 0) uses_.erase(use_of(claim));
            by_end_.erase(by_end_.begin());
        }
    }
    // The one who lasts longest of those beside whom that one may not hold; null: there is none.
    [[nodiscard]] const Holding* against(const Holding& holding) const {
        const Claim claim = holding.claim;
        const bool alone = by_end_.empty();
        const bool same_use = uses_.size() == 1 && uses_.contains(use_of(claim));
        const bool has_room =
            claim == Claim::reader() || (claim.is_share() && claim.count() <= claim.of() - used_);
        if (alone || (same_use && has_room)) return nullptr;
        return by_end_.rbegin()->second;
    }
    void add(const Span& span) {
        by_end_.emplace(span.end, span.holding);
        used_ += span.holding->claim.count();
        ++uses_[use_of(span.holding->claim)];
    }

  private:
    using Use = std::pair<Claim::Kind, int>;
    static Use use_of(Claim claim) { return {claim.kind(), claim.of()}; }

    std::multimap<Time, const Holding*> by_end_;
    std::map<Use, int> uses_;  // how many make each
    int used_ = 0;
};

// By their start. Two that touch may have been one after the other.
void find_overlaps(std::vector<Span> spans, std::vector<std::string>& found) {
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
        return std::tie(a.start, a.end) < std::tie(b.start, b.end);
    });
    Together together;
    for (const Span& span : spans) {
        together.pass(span.start);
        if (const Holding* const other = together.against(*span.holding)) {
            found.push_back(finding(*span.holding, "held while so did", *other));
        }
        together.add(span);
    }
}

// Each is held against the highest fence of those that ended before it began.
void find_descents(std::vector<Span> spans, std::vector<std::string>& found) {
    std::vector<Span> by_end = spans;
    std::sort(spans.begin(), spans.end(),
              [](const Span& a, const Span& b) { return a.start < b.start; });
    std::sort(by_end.begin(), by_end.end(),
              [](const Span& a, const Span& b) { return a.end < b.end; });
    const Holding* highest = nullptr;
    auto next = by_end.begin();
    for (const Span& span : spans) {
        for (; next != by_end.end() && next->end < span.start; ++next) {
            if (highest == nullptr || highest->fence < next->holding->fence) {
                highest = next->holding;
            }
        }
        if (highest != nullptr && highest->fence > span.holding->fence) {
            found.push_back(finding(*span.holding, "was granted behind", *highest));
        }
    }
}

void find_duplicates(Holdings holdings, std::vector<std::string>& found) {
    std::sort(holdings.begin(), holdings.end(),
              [](const Holding* a, const Holding* b) { return a->fence < b->fence; });
    for (std::size_t i = 0; i < holdings.size(); ++i) {
        const Holding& each = *holdings[i];
        if (each.fence == 0) {
            found.push_back(fmt::format("'{}': {} has no fence", each.key, text_of(each)));
        } else if (i > 0 && holdings[i - 1]->fence == each.fence) {
            found.push_back(finding(each, "has the fence of", *holdings[i - 1]));
        }
    }
}

}  // namespace

std::string Verdict::text() const {
    std::string lines;
    for (const auto* findings : {&overlaps, &disorders}) {
        for (const std::string& each : *findings) lines += each + '\n';
    }
    return lines;
}

Verdict check(const std::vector<Holding>& history, Overlaps overlaps) {
    std::map<std::string, Holdings> keys;
    for (const Holding& holding : history) keys[holding.key].push_back(&holding);
    Verdict verdict;
    for (const auto& [key, holdings] : keys) {
        find_overlaps(claims(holdings), verdict.overlaps);
        find_duplicates(holdings, verdict.disorders);
        find_descents(calls(holdings), verdict.disorders);
        // Of holders that exclude each other, the one that held first was granted first.
        if (overlaps == Overlaps::are_faults) {
            find_descents(claims(holdings, true), verdict.disorders);
        }
    }
    return verdict;
}

}  // namespace leaselock::support
