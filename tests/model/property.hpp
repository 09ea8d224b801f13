// What must hold in every state that can be reached, and on the way to it.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/state.hpp"

namespace leaselock::model {

enum class Property : std::uint8_t {
    none,
    one_holder,
    lock_behind_belief,
    fence_was_minted,
    fences_rise,
    nothing_left,
    bounded_wait,
    turn_is_kept,
    line_moves,
    min_hold_lasts,
    min_hold_ends,
    no_false_loss,
    waiter_gets_what_is_freed,
    own_release_never_in_the_way,
    permits_are_counted,
    fences_differ,
    free_share_is_given,
    ended_stays_ended,
    latch_opens_by_counts,
    latch_stays_open,
    latch_lives,
    all_are_notified,
    waited_latch_lives,
    latch_is_no_lock,
    no_is_no,
};

// What is wrong when it is broken.
[[nodiscard]] std::string_view complaint(Property property);

// The first that does not hold in this state. Those of a step are reported by the step.
[[nodiscard]] Property broken_in(const Setup& setup, const State& state, Rule without);

}  // namespace leaselock::model
