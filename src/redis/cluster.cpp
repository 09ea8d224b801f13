#include "redis/cluster.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <new>
#include <utility>

#include "redis/hash_slot.hpp"

namespace leaselock::redis {
namespace {

constexpr int most_hops = 5;
// Between two attempts at a slot that moves, or that is not served just now.
constexpr std::chrono::milliseconds first_wait{10};
constexpr std::chrono::milliseconds longest_wait{100};

// Whether the node may have stopped being the master of its slots.
bool is_trouble(Errc error) noexcept {
    return error == Errc::read_only || error == Errc::loading || error == Errc::connect_failed ||
           error == Errc::connection_lost || error == Errc::command_timed_out;
}

}  // namespace

Cluster::Cluster(ClusterSettings settings, std::shared_ptr<Clock> clock)
    : settings_{std::move(settings)},
      clock_{std::move(clock)},
      channel_{new_channel()},
      reader_{settings_, clock_},
      random_{std::random_device{}()} {}

// An attempt to connect that begins after an interruption does not know of it, so that is said
// again.
Cluster::~Cluster() {
    std::shared_ptr<engine::Engine> engine;
    std::thread refresher;
    {
        const detail::MutexLock lock{mutex_};
        ending_ = true;
        engine = engine_;
        refresher.swap(refresher_);
        while (refreshing_) {
            reader_.interrupt();
            const detail::MutexUnlock unlocked{mutex_};
            refresh_over_.wait(std::chrono::milliseconds{1});
        }
    }
    if (refresher.joinable()) refresher.join();
    if (engine != nullptr) engine->remove(*this);
}

Clock::time_point Cluster::end_of(const Operation& operation) const noexcept {
    const Request& request = operation.request;
    return std::min(request.deadline,
                    detail::saturating_add(request.submitted, settings_.common.command_timeout));
}

std::string Cluster::unserved(std::uint16_t slot) const {
    return fmt::format("{}: no node serves slot {}", settings_.name, slot);
}

void Cluster::submit(std::span<Operation* const> operations) noexcept {
    Batch batch;
    for (Operation* const operation : operations) {
        if (batch.size == Batch::most) start(batch);
        try {
            put(*operation, batch);
        } catch (const LockError& error) {
            operation->fail(static_cast<Errc>(error.code().value()), error.what());
        } catch (const std::bad_alloc&) {
            operation->fail(Errc::connect_failed, {});  // an empty text needs no memory
        }
    }
    start(batch);
}

void Cluster::put(Operation& operation, Batch& batch) {
    std::shared_ptr<Member> owner;
    {
        const std::uint16_t slot = hash_slot(operation.request.key);
        const detail::MutexLock lock{mutex_};
        if (engine_ == nullptr) engine_ = engine::Engine::shared_with(*this);
        if (table_) owner = member(table_->owner(slot));
        if (owner == nullptr) {
            const std::size_t most = settings_.common.max_in_flight;
            if (parked_.size() >= most) {
                throw LockError(Errc::too_many_in_flight,
                                fmt::format("{}: max_in_flight = {}", settings_.name, most));
            }
            return park({.whole = &operation,
                         .needs_table = true,
                         .why = table_ ? unserved(slot) : no_table()});
        }
    }
    auto* const attempt = new Attempt(*this, operation, std::move(owner));
    operation.slot = attempt;
    batch.attempts.at(batch.size++) = attempt;
}

// An attempt that was given to its node may be over and gone, but for the first one of a batch: the
// node looks at that once more, to see whether its caller comes to help.
void Cluster::start(Batch& batch) noexcept {
    const std::span<Attempt*> attempts{batch.attempts.data(), std::exchange(batch.size, 0)};
    std::array<Operation*, Batch::most> calls{};
    for (std::size_t first = 0; first < attempts.size(); ++first) {
        Attempt* const front = attempts[first];
        if (front == nullptr) continue;
        const std::shared_ptr<Member> member = front->member;
        std::size_t count = 0;
        for (std::size_t i = first; i < attempts.size(); ++i) {
            Attempt* const each = attempts[i];
            if (each == nullptr || each->member != member) continue;
            if (each->call.request.repeated || each->asking) {
                if (i != first) continue;
                attempts[i] = nullptr;
                each->use();
                member->node.submit(each->call, each->asking);
                each->drop();
                break;
            }
            attempts[i] = nullptr;
            calls.at(count++) = &each->call;
        }
        if (count == 0) continue;
        front->use();
        member->node.submit({calls.data(), count});
        front->drop();
    }
}

bool Cluster::help(Operation& operation, Clock::time_point until) noexcept {
    Attempt* attempt = nullptr;
    {
        const detail::MutexLock lock{mutex_};
        if (operation.done()) return true;
        attempt = static_cast<Attempt*>(operation.slot);
        if (attempt == nullptr) return false;
        attempt->use();
    }
    const bool has_helped = attempt->member->node.help(attempt->call, until);
    attempt->drop();
    return has_helped;
}

void Cluster::cancel(Operation& operation) noexcept {
    Attempt* attempt = nullptr;
    List cancelled;
    {
        const detail::MutexLock lock{mutex_};
        if (operation.done()) return;
        attempt = static_cast<Attempt*>(operation.slot);
        const auto found = std::find_if(parked_.begin(), parked_.end(), [&](const Parked& each) {
            return each.whole == &operation;
        });
        if (attempt != nullptr) {
            attempt->use();
            attempt->is_cancelled = true;
        } else if (found != parked_.end()) {
            cancelled.splice(cancelled.end(), parked_, found);
        }
    }
    if (attempt != nullptr) {
        attempt->member->node.cancel(attempt->call);
        attempt->drop();
    } else if (!cancelled.empty()) {
        give_up(cancelled.front(), Errc::cluster_down, cancelled.front().why);
    }
}

void Cluster::completed(Attempt& attempt) noexcept {
    Reply& reply = attempt.call.reply;
    try {
        if (reply.outcome == Outcome::failed) {
            if (goes_on(attempt)) return attempt.drop();
            // Another refusal says as much.
            if (reply.error != Errc::cluster_down) {
                add_refusal(reply.detail, attempt.refusal);
            }
        }
    } catch (const std::bad_alloc&) {
        reply.detail.clear();  // the code says enough
    }
    finish(attempt);
}

// The operation's owner may destroy it as soon as it is complete.
void Cluster::finish(Attempt& attempt) noexcept {
    Operation& whole = attempt.whole;
    whole.reply = std::move(attempt.call.reply);
    {
        const detail::MutexLock lock{mutex_};
        whole.slot = nullptr;
    }
    attempt.drop();
    whole.complete();
}

// False: what the node answered is the answer.
bool Cluster::goes_on(Attempt& attempt) {
    Reply& reply = attempt.call.reply;
    const std::string_view said = attempt.member->words_of(reply.detail);
    const bool is_redirected = reply.error == Errc::not_supported && is_redirect(said);
    if (is_redirected) reply.error = Errc::cluster_down;
    const detail::MutexLock lock{mutex_};
    if (is_trouble(reply.error)) want_table(&attempt.member->address);
    // What was done in part, as a grant that no replica acknowledged, is its caller's to release.
    if (reply.error != Errc::cluster_down || reply.in_part) return false;

    Parked next{.whole = &attempt.whole, .refusal = reply.detail};
    if (is_redirected) {
        const AnswerOf of{attempt.member->address, settings_.addresses};
        const auto redirect = decode_redirect(said, of);
        if (!redirect || redirect->slot != hash_slot(attempt.call.request.key)) {
            reply.error = Errc::protocol_error;
            return false;
        }
        if (!follow(*redirect, attempt, next)) return false;
    } else {
        next.pauses = attempt.pauses + 1;
        next.due = clock_->now() + detail::doubled(first_wait, next.pauses, longest_wait);
        if (!said.starts_with("TRYAGAIN")) want_table(&attempt.member->address);
    }
    if (attempt.is_cancelled || std::max(next.due, clock_->now()) >= end_of(attempt.whole)) {
        return false;
    }
    park(std::move(next));
    attempt.whole.slot = nullptr;
    return true;
}

bool Cluster::follow(const Redirect& redirect, Attempt& attempt, Parked& next) {
    if (attempt.hops >= most_hops) {
        attempt.call.reply.detail += fmt::format("; it was redirected {} times before", most_hops);
        return false;
    }
    next.hops = attempt.hops + 1;
    next.pauses = attempt.pauses;
    next.asking = redirect.asking;
    next.to = redirect.to;
    const SlotTable::Index target = table_->find(redirect.to);
    next.needs_table = target == SlotTable::nowhere;
    if (!redirect.asking) {
        if (!next.needs_table) table_->move(redirect.slot, target);
        attempt.member->has_lost_slots = true;
    }
    if (!redirect.asking || next.needs_table) want_table(nullptr);
    return true;
}

}  // namespace leaselock::redis
