#include "model/search.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

#include "model/state_set.hpp"
#include "model/steps.hpp"

namespace leaselock::model {
namespace {

class Search {
  public:
    Search(const Setup& setup, Rule without, Property only)
        : setup_{setup}, without_{without}, only_{only}, steps_{setup, without, false} {}

    [[nodiscard]] Finding run() {
        State first = steps_.first();
        rank_fences(first);
        found_.insert(first, 0);
        std::uint32_t level_end = 1;
        for (std::uint32_t i = 0; i < found_.size(); ++i) {
            if (i == level_end) {
                ++finding_.depth;
                level_end = found_.size();
            }
            if (i > 0 && i % progress == 0) {
                fmt::print(stderr, "  ... {} states, {} of them looked at, {} steps deep\n",
                           found_.size(), i, finding_.depth);
            }
            if (found_.size() > setup_.limit) return conclude(false);
            if (expand(i)) return conclude(false);
        }
        return conclude(true);
    }

  private:
    static constexpr std::uint32_t progress = 2'000'000;

    [[nodiscard]] bool is_wanted(Property broken) const {
        return broken != Property::none && (only_ == Property::none || broken == only_);
    }

    // True: something is broken.
    [[nodiscard]] bool expand(std::uint32_t index) {
        const State state = found_.at(index);
        if (const Property broken = broken_in(setup_, state, without_); is_wanted(broken)) {
            tell(broken, index, nullptr);
            return true;
        }
        std::vector<Step>& steps = steps_.from(state);
        for (Step& step : steps) {
            rank_fences(step.to);
            found_.expect(step.to);
        }
        for (const Step& step : steps) {
            if (is_wanted(step.broken)) {
                tell(step.broken, index, &step.to);
                return true;
            }
            found_.insert(step.to, index);
        }
        return false;
    }

    [[nodiscard]] Finding conclude(bool complete) {
        finding_.complete = complete;
        finding_.states = found_.size();
        return std::move(finding_);
    }

    // Walks the way again, with words, and with the fences as they were minted.
    void tell(Property broken, std::uint32_t last, const State* beyond) {
        std::vector<State> way;
        if (beyond != nullptr) way.push_back(*beyond);
        for (std::uint32_t i = last; i != 0; i = found_.parent(i)) way.push_back(found_.at(i));
        std::reverse(way.begin(), way.end());
        Steps teller{setup_, without_, true};
        State now = teller.first();
        int number = 0;
        for (const State& next : way) {
            for (const Step& step : teller.from(now)) {
                State ranked = step.to;
                rank_fences(ranked);
                if (!(ranked == next)) continue;
                now = step.to;
                finding_.trace +=
                    fmt::format("  {:2}  {:<66} {}\n", ++number, step.words, picture(setup_, now));
                break;
            }
        }
        finding_.broken = broken;
    }

    const Setup& setup_;
    Rule without_;
    Property only_;
    Steps steps_;
    StateSet found_{};
    Finding finding_{};
};

}  // namespace

Finding search(const Setup& setup, Rule without, Property only) {
    return Search{setup, without, only}.run();
}

}  // namespace leaselock::model
