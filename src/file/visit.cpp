#include "file/visit.hpp"

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <utility>

#include <leaselock/detail/lock_verbs.hpp>
#include <leaselock/error.hpp>

#include "file/failure.hpp"
#include "file/liveness.hpp"

namespace leaselock::file {
namespace {

using detail::Tie;

// A new holder that is still there prolongs its lease; one that is paused has it no longer.
constexpr std::chrono::milliseconds longest_hand_off{3000};
// More holders than these are polled for: each takes a descriptor of the one that waits first.
constexpr std::size_t most_watched = 16;
// To one member at once: the kernel takes it as a whole.
constexpr std::size_t longest_message = 4096;

}  // namespace

void Visit::run() {
    load();
    try {
        work();
    } catch (...) {
        // It was made for this request, which has nothing to put there.
        if (before_.empty() && request().verb == Verb::acquire) {
            file_.remove();
        }
        throw;
    }
}

void Visit::load() {
    LockFile::State state = file_.load();
    record_.key = request().key;
    if (state.bytes.empty()) return;
    before_ = std::move(state.bytes);
    if (!state.is_of_this_boot && !file_.has_other_locks()) {
        // Of an earlier format, perhaps.
        try {
            record_ = decode(before_);
        } catch (const FileError&) {
            record_ = {};
        }
        if (!is_held_by_anybody()) {
            if (!file_.is_of_this_machine()) {
                throw FileError(Errc::not_supported,
                                "the lock's file is of another boot, and on a file system that may "
                                "be another machine's");
            }
            record_ = Record{.key = std::string(request().key)};
        }
    } else {
        record_ = decode(before_);
    }
    if (!request().key.empty() && record_.key != request().key) {
        throw FileError(Errc::corrupt, "the file is of another key");
    }
}

// Then the state is of this boot, whatever it is called.
bool Visit::is_held_by_anybody() {
    bool any = false;
    const auto count = [&](MemberId member) {
        any = any || (member != 0 && census_.lives(member));
    };
    for_each_holder(entry(), [&](std::string_view, const Tie& tie) { count(tie.member); });
    if (entry().queue != nullptr) {
        for (const QueueEntry& each : entry().queue->entries()) count(each.member);
    }
    census_.check();
    return any;
}

void Visit::work() {
    find_dead();
    tell_who_comes_after_us();
    run_verb();
    census_.check();
    if (operation_.reply.queued) wait_for_those_before_us();
    store();
}

// Only those are asked for that stand in the way.
void Visit::find_dead() {
    const bool asks = request().verb == Verb::inspect ||
                      (request().verb == Verb::acquire && !entry().has_room(request().claim));
    if (asks) {
        shorten_dead_holders(entry(), request().submitted,
                             [&](std::string_view token, const Tie& tie) {
                                 return token == request().token || census_.lives(tie.member);
                             });
    }
    if (entry().queue == nullptr) return;
    entry().queue->set_lives([this](const QueueEntry& waiting) {
        return waiting.token == request().token || census_.lives(waiting.member);
    });
}

void Visit::run_verb() {
    const auto handed_over = [this](const QueueEntry& winner, const HandOff& what) {
        write_to(winner.member, winner.token, what);
    };
    detail::Terms terms{.member = home_.self == nullptr ? 0 : home_.self->id(),
                        .longest_hand_off = longest_hand_off,
                        .handed_over = handed_over};
    const std::uint64_t floor = entry().fencing_token;
    const bool may_grant = request().verb == Verb::acquire ||
                           (request().verb != Verb::inspect && entry().queue != nullptr);
    detail::Fences fences =
        may_grant ? home_.directory->fences(floor, file_.limit()) : detail::Fences{.last = floor};
    detail::EntryQueue::Winners winners;
    detail::LockVerbs{entry(), request(), operation_.reply, fences, std::move(terms)}.run(winners);
    // Before others can see it: a process killed here leaves a gap, and no token twice.
    census_.check();
    if (fences.last != floor) home_.directory->publish(fences.last, file_.limit());
}

// It waits for our end, which does not come when we only leave the queue.
void Visit::tell_who_comes_after_us() {
    if (request().verb != Verb::release || entry().queue == nullptr) return;
    const QueueEntry* const next = entry().queue->after(request().token);
    if (next != nullptr) write_to(next->member, next->token, {});
}

// Each waiter is notified when the process of the one before it ends; the first, when a
// holder's does.
void Visit::wait_for_those_before_us() {
    detail::EntryQueue& queue = *entry().queue;
    const QueueEntry* before = queue.before(request().token);
    while (before != nullptr && !census_.lives(before->member)) {
        queue.leave(std::string(before->token));
        before = queue.before(request().token);
    }
    std::vector<MemberId> members;
    if (before != nullptr) {
        members.push_back(before->member);
    } else {
        for_each_holder(entry(), [&](std::string_view, const Tie& tie) {
            if (census_.lives(tie.member)) members.push_back(tie.member);
        });
    }
    Reply& reply = operation_.reply;
    reply.deaths_told = members.size() <= most_watched;
    std::vector<Descriptor> descriptors;
    for (const MemberId member : members) {
        Descriptor fd = census_.take(member);
        if (fd && reply.deaths_told) descriptors.push_back(std::move(fd));
    }
    census_.check();
    reply.told = notifications_.add(*request().listener, home_.self, std::move(descriptors));
    reply.deaths_told = reply.deaths_told && reply.told;
}

void Visit::store() {
    const bool is_over = entry().is_over(request().submitted);
    census_.check();
    if (is_over) {
        file_.remove();
    } else if (const std::string state = encode(record_); state != before_) {
        file_.store(state);
    }
}

void Visit::write_to(MemberId member, std::string_view token, const HandOff& what) noexcept {
    try {
        const std::string message = message_for(token, what);
        if (messages_.empty() || messages_.back().first != member ||
            messages_.back().second.size() + message.size() > longest_message) {
            messages_.emplace_back(member, message);
        } else {
            messages_.back().second += message;
        }
    } catch (const std::bad_alloc&) {  // it polls
    }
}

void Visit::notify() noexcept {
    for (const auto& [member, text] : messages_) send(*home_.directory, member, text);
}

}  // namespace leaselock::file
