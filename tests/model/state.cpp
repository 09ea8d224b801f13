#include "model/state.hpp"

#include <algorithm>
#include <span>

namespace leaselock::model {
namespace {

class Simplifier {
  public:
    Simplifier(const Setup& setup, State& state, Rule without)
        : setup_{setup}, state_{state}, without_{without} {}

    void run() {
        for (int i = 0; i < max_clients; ++i) client(i);
        for (int i = 0; i < max_tokens; ++i) debt(i);
        auto* const end = std::remove_if(state_.messages, state_.messages + state_.in_flight,
                                         [&](Message& each) { return !message(each); });
        std::fill(end, state_.messages + max_messages, Message{});
        state_.in_flight = small(static_cast<int>(end - state_.messages));
        for (int i = 0; i < max_tokens; ++i) readership(small(i));
        order();
        std::sort(state_.messages, end, [](const Message& a, const Message& b) {
            return std::memcmp(&a, &b, sizeof(Message)) < 0;
        });
    }

  private:
    [[nodiscard]] const Client& owner(Token token) const {
        return state_.clients[setup_.client_of(token)];
    }
    [[nodiscard]] bool is_current(Token token) const {
        return model::is_current(setup_, state_, token, without_);
    }
    // Nothing that is past by so much can come back.
    [[nodiscard]] Ticks past() const {
        return small(state_.stepped_back ? -1 : -1 - setup_.clock_back);
    }

    void client(int index) {
        Client& client = state_.clients[index];
        const Phase phase = client.phase;
        if (phase == Phase::dead) {
            client = {.phase = Phase::dead, .session = small(setup_.sessions)};
            for (int i = 0; i < setup_.sessions; ++i) {
                Debt& debt = state_.debts[index * setup_.sessions + i];
                debt = {.not_after = past(), .is_reader = debt.is_reader};
            }
        }
        if (phase != Phase::waiting) client.asked = false;
        if (phase != Phase::waiting) client.polls = 0;
        client.open = client.asked ? std::max(client.open, past()) : small(0);
        if (phase != Phase::holding) {
            client.belief = 0;
            client.fence = -1;
        }
        client.poll_age = std::min(client.poll_age, setup_.short_ttl);
        const bool is_old =
            client.poll_age == setup_.short_ttl && without_ != Rule::message_counts_from_poll;
        if (phase != Phase::waiting || is_old) client.poll_fence = -1;
        if (client.poll_fence < 0) client.poll_age = 0;
    }

    void debt(int token) {
        Debt& debt = state_.debts[token];
        const bool matters = token < setup_.tokens() && (debt.owed || is_current(small(token))) &&
                             without_ != Rule::not_after;
        debt.not_after = matters ? std::max(debt.not_after, past()) : past();
        const bool may_release = debt.owed || (token < setup_.tokens() && is_current(small(token)));
        debt.unqueued = debt.unqueued && may_release;
        // Who waits for a lock leaves by a release anyway; the others have to know whether they owe
        // one.
        const int client = token / setup_.sessions;
        const bool asks = client < setup_.clients &&
                          (!setup_.waits[client] || is_latch(setup_.wants[client])) &&
                          state_.clients[client].phase == Phase::waiting;
        debt.unseen = debt.unseen && asks && is_current(small(token));
    }

    // False: it changes nothing any more.
    bool message(Message& message) const {
        if (message.kind == Kind::hand_off) return hand_off(message);
        const Client& client = owner(message.token);
        const bool is_waiting = is_current(message.token) && client.phase == Phase::waiting;
        const bool is_holding = is_current(message.token) && client.phase == Phase::holding;
        const bool is_read = message.live && client.asked && is_waiting;
        switch (message.kind) {
            case Kind::acquire:
                message.live = is_read;
                message.age = std::min(message.age, std::max(setup_.ttl, setup_.short_ttl));
                if (without_ == Rule::not_after) message.value = 0;
                return message.value > past();
            case Kind::renew:
                message.age = std::min(message.age, message.value);
                return is_holding || may_matter(message.token) ||
                       without_ == Rule::renewal_makes_no_lock;
            case Kind::granted: message.age = std::min(message.age, setup_.ttl); return is_read;
            case Kind::held: message.age = std::min(message.age, setup_.short_ttl); return is_read;
            case Kind::refused: message.age = 0; return is_read;
            case Kind::renewed: return is_holding && message.age < message.value;
            default: break;
        }
        message.age = 0;
        if (message.kind == Kind::not_yours) return is_holding && !is_void(message);
        if (message.kind == Kind::released) return state_.debts[message.token].owed;
        return state_.debts[message.token].owed || may_matter(message.token);
    }

    // A "not yours" to the whole, told to one who is a reader by now.
    [[nodiscard]] bool is_void(const Message& message) const {
        return !message.live && state_.debts[message.token].is_reader &&
               without_ != Rule::no_of_before_is_none;
    }

    // Whoever does not wait any more needs not hear it.
    bool hand_off(Message& message) const {
        for (Token token = 0; token < max_tokens; ++token) {
            if ((message.behind >> token & 1) == 0) continue;
            if (!is_current(token) || owner(token).phase != Phase::waiting) {
                message.behind = small(message.behind & ~(1 << token));
            }
        }
        if (message.behind == 0) return false;
        message.age = 0;
        message.token = small(std::countr_zero(static_cast<unsigned>(message.behind)));
        if (message.behind != 1 << message.token) return true;
        message.fence = fence_of(message, message.token);
        message.value = message.behind;
        return true;
    }

    void readership(Token token) {
        Debt& debt = state_.debts[token];
        if (!debt.is_reader || debt.owed || is_current(token)) return;
        debt.is_reader = std::any_of(in_flight().begin(), in_flight().end(),
                                     [&](const Message& each) { return each.token == token; });
    }

    // Whether the store knows the token, or an acquire may still make it known.
    [[nodiscard]] bool may_matter(Token token) const {
        const Store& store = state_.store;
        const bool has_entry =
            std::any_of(store.queue, store.queue + store.entries,
                        [&](const QueueEntry& each) { return each.token == token; });
        if (has_entry || store.holder == token || is_current(token)) return true;
        if (find_lease(store, token) != nullptr) return true;
        return std::any_of(
            state_.messages, state_.messages + state_.in_flight,
            [&](const Message& each) { return each.kind == Kind::acquire && each.token == token; });
    }

    // Who still runs behind whom.
    void order() {
        Small live = 0;
        Small needed = 0;
        for (const Message& each : in_flight()) {
            if (each.kind == Kind::release && each.live) live = small(live | 1 << each.token);
        }
        for (Message& each : in_flight()) {
            if (each.kind != Kind::acquire) continue;
            each.behind = small(each.behind & live);
            needed = small(needed | each.behind);
        }
        for (Message& each : in_flight()) {
            if (each.kind == Kind::release && !setup_.same_connection) {
                each.live = (needed >> each.token & 1) != 0;
            }
        }
    }

    [[nodiscard]] std::span<Message> in_flight() const {
        return {state_.messages, static_cast<std::size_t>(state_.in_flight)};
    }

    const Setup& setup_;
    State& state_;
    Rule without_;
};

template <class Visit>
void for_each_fence(State& state, const Visit& visit) {
    visit(state.store.fence);
    for (Fence& each : state.store.counters) visit(each);
    visit(state.floor);
    for (Client& each : state.clients) {
        visit(each.poll_fence);
        visit(each.fence);
    }
    for (int i = 0; i < state.in_flight; ++i) visit(state.messages[i].fence);
}

// The others whom a hand-off tells have the next ones.
Fence* add_implied_fences(const State& state, Fence* end) {
    for (int i = 0; i < state.in_flight; ++i) {
        const Message& each = state.messages[i];
        if (each.kind != Kind::hand_off) continue;
        const int count = std::popcount(static_cast<unsigned>(each.value));
        for (int k = 1; k < count; ++k) *end++ = small(each.fence + k);
    }
    return end;
}

}  // namespace

void simplify(const Setup& setup, State& state, Rule without) {
    Simplifier{setup, state, without}.run();
}

void rank_fences(State& state) {
    constexpr int most = 64;
    static_assert(most > 4 + 2 * max_clients + max_messages * max_tokens);
    Fence known[most];
    Fence* end = known;
    for_each_fence(state, [&](Fence& each) {
        if (each > 0) *end++ = each;
    });
    end = add_implied_fences(state, end);
    std::sort(known, end);
    end = std::unique(known, end);
    for_each_fence(state, [&](Fence& each) {
        if (each <= 0) return;
        each = small(static_cast<int>(std::lower_bound(known, end, each) - known) + 1);
    });
}

}  // namespace leaselock::model
