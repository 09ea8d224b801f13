#include "model/catalogue.hpp"

namespace leaselock::model {
namespace {

// Two processes and all that can happen to one that holds.
constexpr Setup two{.longer = 3, .renews = true, .crashes = true, .deaf = true};
constexpr Setup foreign{.foreign = true};
constexpr Setup clock_steps{
    .messages = 2, .renews = true, .crashes = true, .clock_back = 2, .clock_forward = 1};
constexpr Setup min_hold{.ttl = 3,
                         .short_ttl = 1,
                         .min_hold = 2,
                         .renews = true,
                         .short_is_enough = false,
                         .crashes = true};
// Without trouble, and without renewal.
constexpr Setup calm{.clients = 3,
                     .short_ttl = 1,
                     .min_hold = 2,
                     .short_is_enough = false,
                     .loses = false,
                     .delays = false};
constexpr Setup line{.clients = 3, .messages = 2, .process_of = {0, 0, 1}, .same_connection = true};
constexpr Setup one_connection{
    .sessions = 2, .waits = {false, false, false}, .loses = false, .same_connection = true};
constexpr Setup two_connections{.sessions = 2, .waits = {false, false, false}, .loses = false};
constexpr Setup impatient{.clients = 3, .messages = 2, .waits = {true, true, false}};
constexpr Setup sessions{.sessions = 2, .messages = 2, .limit = 15'000'000};
constexpr Setup three{.clients = 3, .messages = 2, .crashes = true, .deaf = true};

constexpr Configuration all_configurations[] = {
    {"two", "two processes, one dies; renewals, extend(longer), deaf subscribers", true, two},
    {"foreign", "two processes, and somebody who locks by SET NX PX", false, foreign},
    {"min-hold", "two processes that keep the lock for min_hold, one dies", true, min_hold},
    {"calm", "three processes with min_hold, without renewal, and nothing goes wrong", true, calm},
    {"one-connection", "two processes, each locks twice, its acquire behind its release", false,
     one_connection},
    {"two-connections", "the same, and the acquire may overtake the release", false,
     two_connections},
    {"impatient", "two processes wait, a third one does not", false, impatient},
    {"line", "two threads of one process, and another process", false, line},
    {"clock", "two processes, one dies; the server's clock steps back and forth", false,
     clock_steps},
    {"sessions", "two processes, each locks twice", false, sessions},
    {"three", "three processes, one dies", false, three},
};

constexpr Hole all_holes[] = {
    {"token-used-again",
     "1: a token that was released is in no acquire any more",
     Rule::fresh_token,
     Property::one_holder,
     {.sessions = 2}},
    {"late-acquire-shortens",
     "2: a retry never shortens the lock's life",
     Rule::life_only_grows,
     Property::one_holder,
     {.longer = 3}},
    {"extend-shortens",
     "2: extend(shorter) never shortens the lock's life",
     Rule::life_only_grows,
     Property::one_holder,
     {.shorter = 1}},
    {"renewal-makes-a-lock",
     "2: no command but acquire makes a lock",
     Rule::renewal_makes_no_lock,
     Property::nothing_left,
     {.renews = true}},
    {"no-not-after",
     "3: an acquire that arrives too late does nothing",
     Rule::not_after,
     Property::nothing_left,
     {.messages = 2}},
    {"no-clean-up",
     "4: a token owes a release until one was answered",
     Rule::clean_up,
     Property::nothing_left,
     {.messages = 2}},
    {"clean-up-ends-too-soon",
     "4: and until none of its acquires can run any more",
     Rule::clean_up_outlasts_acquires,
     Property::nothing_left,
     {.messages = 2}},
    {"fence-of-the-clock",
     "5: a fence is above the last one, whatever the clock says",
     Rule::fence_from_counter,
     Property::fences_rise,
     {.messages = 2, .clock_back = 1}},
    {"fence-for-each-answer",
     "5: a retry is told the fence of its grant",
     Rule::fence_stays_for_retry,
     Property::fence_of_the_key,
     {.messages = 2}},
    {"stale-message", "6: a message is believed if its fence is above the last poll's",
     Rule::message_needs_new_fence, Property::one_holder, foreign},
    {"late-message", "6: and counted from the sending of that poll", Rule::message_counts_from_poll,
     Property::one_holder, foreign},
    {"told-without-a-grant",
     "6: nobody is told of a grant that is not made",
     Rule::only_grants_are_told,
     Property::one_holder,
     {.deaf = true, .foreign = true}},
    {"no-of-a-replica",
     "7: a replica cannot say 'not yours' to a renewal",
     Rule::no_is_proven,
     Property::no_false_loss,
     {.renews = true, .replica = true}},
    {"release-at-a-replica",
     "7: nor to a release",
     Rule::no_is_proven,
     Property::nothing_left,
     {.replica = true}},
    {"deadline-from-the-answer",
     "8: what is believed is counted from before the send",
     Rule::belief_counts_from_send,
     Property::one_holder,
     {}},
    {"kept-under-its-token",
     "min_hold: what is kept is not under its token any more",
     Rule::kept_is_no_token,
     Property::min_hold_ends,
     {.min_hold = 2}},
    {"plain-clean-up",
     "min_hold: the clean-up repeats the guard's very release",
     Rule::clean_up_keeps,
     Property::min_hold_lasts,
     {.min_hold = 2}},
    {"winner-is-content", "min_hold: who is handed the lock acquires it once more",
     Rule::winner_asks_for_all, Property::min_hold_lasts, calm},
    {"barging", "queue: who does not wait does not pass who waits", Rule::nobody_passes,
     Property::turn_is_kept, impatient},
    {"places-for-ever",
     "queue: a place ends by time",
     Rule::place_ends,
     Property::bounded_wait,
     {.crashes = true}},
    {"places-in-the-future",
     "queue: also where the clock went back",
     Rule::place_knows_its_life,
     Property::bounded_wait,
     {.crashes = true, .clock_back = 3}},
    {"place-after-leaving",
     "queue: and by a release",
     Rule::release_ends_place,
     Property::nothing_left,
     {.clients = 3, .messages = 2}},
    {"line-stands-still", "local queue: who gives up makes room for the next", Rule::line_moves_on,
     Property::line_moves, line},
    {"overtaken-release", "posted release: the next acquire goes behind it",
     Rule::release_goes_first, Property::own_release_never_in_the_way, one_connection},
    {"own-release-in-the-way", "posted release: found in the way it is sent once more",
     Rule::own_release_is_repeated, Property::own_release_never_in_the_way, two_connections},
    {"plain-del", "others delete only what is theirs", Rule::others_compare, Property::one_holder,
     foreign},
};

}  // namespace

std::span<const Configuration> configurations() { return all_configurations; }

std::span<const Hole> holes() { return all_holes; }

}  // namespace leaselock::model
