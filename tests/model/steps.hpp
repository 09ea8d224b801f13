// Everything that may happen next in a state: what the server does, what the network does, what the
// clients do, and what time does. Each is one step to one further state.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/latch_scripts.hpp"
#include "model/property.hpp"
#include "model/share_scripts.hpp"
#include "model/state.hpp"

namespace leaselock::model {

struct Step {
    State to;
    Property broken = Property::none;  // by this very step
    std::string words{};               // only if they are asked for
};

// Names as a reader knows them: clients A, B, C; the token of A's first session A1.
[[nodiscard]] std::string name_of(int client);
[[nodiscard]] std::string name_of(Claim claim);
[[nodiscard]] std::string name_of(const Setup& setup, Token token);
[[nodiscard]] std::string name_of(const Setup& setup, const Message& message);
[[nodiscard]] std::string picture(const Setup& setup, const State& state);

class Steps {
  public:
    Steps(const Setup& setup, Rule without, bool tells)
        : setup_{setup}, without_{without}, tells_{tells} {}

    [[nodiscard]] State first() const;
    // From `state`; the result is good until the next call.
    [[nodiscard]] std::vector<Step>& from(const State& state);

  private:
    template <class Words>
    void add(State to, const Words& words, Property broken = Property::none) {
        simplify(setup_, to, without_);
        steps_.push_back({to, broken, tells_ ? std::string(words()) : std::string{}});
    }

    // server_steps.cpp: a command arrives.
    void run(const State& before, int index);
    void run_script(const State& before, State state, const Message& command, unsigned deaf);
    void run_acquire(const State& before, State& state, const Message& command, unsigned deaf);
    [[nodiscard]] AcquireArguments arguments_of(const Message& command, unsigned deaf) const;
    void run_latch(State& state, const Message& command, unsigned deaf);
    void run_renew(const State& before, State& state, const Message& command, unsigned deaf);
    void run_release(const State& before, State& state, const Message& command, unsigned deaf);
    void run_uncontended_release(const State& before, State state, const Message& command,
                                 bool has_dead);
    void run_while_moving(const State& before, const State& state, const Message& command,
                          int index);
    void run_short_release(const State& before, State state, const Message& command);
    [[nodiscard]] Message answer_to_release(const State& state, Token token) const;
    // What a script says: an answer, and whom it handed over to.
    struct Said {
        Message answer;
        Winners winners;
        std::string_view words;
        Property broken;
    };
    void say(const State& state, const Message& command, const Said& what);
    [[nodiscard]] int messages_of(const State& state, const Winners& winners,
                                  Message* messages) const;
    [[nodiscard]] std::string words_for(const Message& command, const Said& what) const;
    void tell_deaf(const State& before, State& state, unsigned deaf) const;
    void run_short_acquire(const State& before, State state, const Message& command);
    void answer_not_his(const State& before, int index, const char* who);
    [[nodiscard]] Small ahead_of(const State& state, const Message& command) const;

    // What must hold of a step at the store itself: property_steps.cpp.
    [[nodiscard]] Property judge(const State& before, const State& after, const Message& command,
                                 const Winners& winners) const;

    // latch_steps.cpp: what is special of latches.
    [[nodiscard]] Property judge_latch(const State& after, Claim claim, const AcquireAnswer& answer,
                                       unsigned deaf) const;
    void end_latch_call(State& state, int index);
    void receive_refused(State& state, const Message& message);
    void reset_latch(const State& before);
    static void pass_tally(Tally& tally, int ticks);

    // client_steps.cpp: what a client does of its own accord.
    void act(const State& before, int index);
    void act_waiting(const State& before, int index);
    void act_holding(const State& before, int index);
    void send_renewal(const State& before, int index, Ticks ttl, bool as_share, const char* words);
    void downgrade(const State& before, int index);
    void clean_up(const State& before, Token token);
    void hold(State& state, int index, Ticks belief, Fence fence, Ticks age);
    void end_session(State& state, int index, bool owes);
    void note_fence(State& state, int index) const;
    void line_up(State& state, int index);
    void move_line(State& state, int process);
    [[nodiscard]] bool send_acquire(State& state, int index);
    [[nodiscard]] bool send_release(State& state, Token token, bool is_first);
    [[nodiscard]] bool name_all_keys(State& state, Token token) const;
    [[nodiscard]] Small posted_releases(const State& state, int process) const;

    // message_steps.cpp: what it makes of an answer or a message.
    void receive(const State& before, int index);
    void receive_each(const State& before, int index);
    void receive_one(const State& before, State state, const Message& message);
    [[nodiscard]] bool receive_granted(State& state, const Message& message);
    [[nodiscard]] bool receive_held(State& state, const Message& message, Property& broken);
    [[nodiscard]] bool receive_hand_off(State& state, const Message& message);
    void receive_renewed(State& state, const Message& message);
    void receive_not_yours(State& state, const Message& message, Property& broken);
    [[nodiscard]] bool clear_way(State& state, int index, Token in_the_way);
    [[nodiscard]] bool is_own_release(const State& state, int index, Token holder) const;

    // world_steps.cpp: time, clocks, crashes, losses, and others at the store.
    void tick(const State& before);
    void step_clocks(const State& before);
    void move_clock(State& state, int ticks);
    [[nodiscard]] bool is_nobodys(const State& state) const;
    void lose(const State& before, int index);
    void crash(const State& before);
    void act_others(const State& before);
    void grant_another_key(const State& before);

    bool post(State& state, const Message& message) const {
        if (state.in_flight >= setup_.messages) return false;
        state.messages[state.in_flight++] = message;
        return true;
    }
    [[nodiscard]] Token token(const State& state, int client) const {
        return token_of(setup_, state, client, without_);
    }
    [[nodiscard]] bool is_dead(const State& state, Token token) const {
        return state.clients[setup_.client_of(token)].phase == Phase::dead;
    }
    [[nodiscard]] bool keeps(Rule rule) const { return without_ != rule; }
    [[nodiscard]] std::string name(const Message& message) const {
        return name_of(setup_, message);
    }

    const Setup& setup_;
    Rule without_;
    bool tells_;
    std::vector<Step> steps_{};
};

[[nodiscard]] inline Message take(State& state, int index) {
    const Message message = state.messages[index];
    state.messages[index] = state.messages[--state.in_flight];
    state.messages[state.in_flight] = {};
    return message;
}

}  // namespace leaselock::model
