// What is due, and the end.
#include <algorithm>

#include <leaselock/error.hpp>

#include "hazelcast/client.hpp"

namespace leaselock::hazelcast {
namespace {

// Without a message for so long a member is asked whether it lives.
constexpr std::chrono::seconds silence{1};

}  // namespace

bool Client::tick(Time now) {
    while (!pending_.empty() && pending_.front().expires <= now) {
        Pending& pending = pending_.front();
        if (pending.was_sent) {
            give_up(pending, Errc::command_timed_out, "no answer within the command time-out", now);
        } else if (is_connected_) {
            fail(pending, Errc::cluster_down,
                 "the CP group does not answer: are as many members up as cp-member-count says?");
        } else {
            fail(pending, Errc::connect_failed,
                 refusal_.empty() ? std::string_view{"no member could be reached"} : refusal_);
        }
    }
    if (!is_connected_) return true;
    while (is_ready_ && !due_.empty() && due_.due() <= now) {
        Claimant& claimant = due_.first();
        set_due_at(claimant, Time::max());
        tend(claimant.shared_from_this(), now);
    }
    if (is_ready_) tend_sessions(now);
    if (ping_sent_ != Time::max()) {
        if (now < ping_sent_ + settings_.connect_timeout) return true;
        return break_off(Errc::connection_lost, "the member does not answer");
    }
    if (now >= heard_ + silence && !calls_.empty()) {
        ping_sent_ = now;
        send({.what = Ask::ping, .sent = now},
             [](std::string& out, std::uint64_t correlation) { ask_ping(out, correlation); });
    }
    return true;
}

Clock::time_point Client::due() const noexcept {
    Time next = pending_.empty() ? Time::max() : pending_.front().expires;
    if (!is_connected_) return next;
    if (is_ready_) next = std::min(next, due_.due());
    for (const SessionPtr& session : sessions_) {
        if (is_ready_ && session->uses > 0 && !session->is_beating) {
            next = std::min(next, session->next_beat);
        }
    }
    if (ping_sent_ != Time::max()) return std::min(next, ping_sent_ + settings_.connect_timeout);
    return calls_.empty() ? next : std::min(next, heard_ + silence);
}

void Client::close(Time now) {
    if (!is_ready_) return;
    for (const SessionPtr& session : sessions_) {
        send({.what = Ask::close_session, .sent = now, .session = session},
             [&](std::string& out, std::uint64_t correlation) {
                 ask_about_session(out, Ask::close_session, correlation, *group_, session->id);
             });
    }
}

}  // namespace leaselock::hazelcast
