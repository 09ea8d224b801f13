// How states and messages read.
#include <bit>
#include <fmt/format.h>

#include "model/steps.hpp"

namespace leaselock::model {
namespace {

const char* word_for(Kind kind) {
    switch (kind) {
        case Kind::none: return "nothing";
        case Kind::acquire: return "acquire";
        case Kind::renew: return "renew";
        case Kind::release: return "release";
        case Kind::granted: return "granted";
        case Kind::held: return "held";
        case Kind::refused: return "refused";
        case Kind::renewed: return "renewed";
        case Kind::not_yours: return "not yours";
        case Kind::released: return "released";
        case Kind::hand_off: return "handed over";
    }
    return "";
}

std::string leases_of(const Setup& setup, const Store& store) {
    std::string text = store.of == 0 ? "shared" : fmt::format("shared by {}", store.of);
    text += fmt::format(" for {} (", store.left);
    for (int i = 0; i < store.leases; ++i) {
        const Lease& each = store.table[i];
        text += fmt::format("{}{}{}", i > 0 ? ", " : "", each.kept != 0 ? "kept:" : "",
                            name_of(setup, each.token));
        if (each.count > 1) text += fmt::format(" {} of them", static_cast<int>(each.count));
        text += fmt::format(" for {}", each.left);
    }
    return text + ")";
}

std::string lock_of(const Setup& setup, const Store& store) {
    if (store.holder == nobody) return "free";
    if (store.holder == a_latch) {
        const int counted = std::popcount(static_cast<unsigned>(store.counted));
        return fmt::format("a latch for {}, counted {} of {}", store.left,
                           counted + store.counted_again, static_cast<int>(store.of));
    }
    if (store.holder == several) return leases_of(setup, store);
    return fmt::format("{}{} for {}", store.kept ? "kept:" : "", name_of(setup, store.holder),
                       store.left);
}

std::string queue_of(const Setup& setup, const Store& store) {
    std::string text;
    for (int i = 0; i < store.entries; ++i) {
        const QueueEntry& entry = store.queue[i];
        text += fmt::format(" {} for {}", name_of(setup, entry.token), entry.left);
    }
    return text.empty() ? "" : ", queue" + text;
}

}  // namespace

std::string name_of(int client) { return {static_cast<char>('A' + client)}; }

std::string name_of(Claim claim) {
    if (claim == whole) return "the lock";
    if (claim == reader) return "to read";
    if (claim.want == to_count) return "to count down";
    if (claim.want == to_wait) return "to wait for the latch";
    return fmt::format("{} of {}", static_cast<int>(claim.count), static_cast<int>(claim.of));
}

std::string name_of(const Setup& setup, Token token) {
    if (token == somebody_else) return "somebody else";
    if (token == several) return "several";
    if (token == a_latch) return "a latch";
    if (token == nobody) return "nobody";
    return name_of(setup.client_of(token)) + std::to_string(token % setup.sessions + 1);
}

std::string name_of(const Setup& setup, const Message& message) {
    std::string text = fmt::format("{} {}", word_for(message.kind), name_of(setup, message.token));
    const bool has_length = message.kind == Kind::renew || message.kind == Kind::renewed ||
                            (message.kind == Kind::release && message.value > 0);
    if (has_length) text += fmt::format(" for {}", message.value);
    if (message.kind == Kind::release && message.behind != 0) text += " by two keys";
    if (message.fence >= 0) text += fmt::format(" (fence {})", message.fence);
    return text;
}

std::string picture(const Setup& setup, const State& state) {
    std::string text = fmt::format("lock {}, fence {}{}", lock_of(setup, state.store),
                                   state.store.fence, queue_of(setup, state.store));
    for (int i = 0; i < setup.clients; ++i) {
        const Client& client = state.clients[i];
        if (client.phase == Phase::holding) {
            text += fmt::format("; {} believes for {}", name_of(i), client.belief);
        }
    }
    if (state.other_belief > 0) text += fmt::format("; other for {}", state.other_belief);
    return text;
}

}  // namespace leaselock::model
