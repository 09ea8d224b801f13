// What a backend does, without a socket, a thread or a clock: operations and messages of a member
// go in, bytes to be sent and completed operations come out. So all of it can be tested alone.
//
//   acquire   tryLock without a wait, as a thread of our session: its number is a part of the owner
//             token. With a listener one follows that waits at the cluster: it is the entry in the
//             queue, and is answered by the release that hands the lock over.
//   renew     the session's heartbeat, one for all, and then a question for the owner of the lock.
//             Between renewals the session is kept alive by heartbeats of its own.
//   release   unlock, which ends a wait, too. A member may run calls in another order than it got
//             them, so an acquire of the same lock waits for the answer.
//   inspect   getLockOwnership.
//
// Copies. A call that was lost with its connection may run all the same, and even later than the
// release of its token: a member goes on with it for up to `call_timeout`. A copy of a call under
// the same uid does not run twice, unless its thread has released the lock meanwhile, or it is an
// unlock that found the lock with another owner. So all but tryLock are sent again by themselves; a
// tryLock is answered as unknown, with the time until which it may run, and the next one of its
// token is a copy. A token that was released is unlocked once more when that time is over.
//
// Two rules keep what comes late away from what is granted later. A token that was released, and
// wants something again, is another thread. And a session under which a try, a wait or an unlock
// was lost with its connection is for what it has already: what is new gets another session. The
// old one is closed with its last lock, and then nothing of it can run any more, however late.
//
// Memory of the members. They remember the uids of unlocks until their session ends, so a session
// that has been used often is replaced by another, which is created while it still serves, and
// closed when its last lock is released.
//
// Thread-safety: none; its owner's mutex.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>

#include "base/due_heap.hpp"
#include "hazelcast/claimant.hpp"
#include "hazelcast/message.hpp"
#include "hazelcast/options.hpp"

namespace leaselock::hazelcast {

// The members' time for one call: they try it 250 times, half a second apart, and one of these may
// take a minute, until a member that is paused counts as gone. 180 s were seen.
inline constexpr std::chrono::seconds call_timeout{300};
// After so many grants a session is replaced. With each of them the members take a little longer
// for the next one of the same lock.
inline constexpr int session_grants = 100;

class Client {
  public:
    Client(Settings settings, std::string endpoint);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() = default;

    // Operations. They are completed by the thread that takes them out of done(). May throw
    // bad_alloc.
    void submit(Operation& operation, Clock::time_point now);
    void cancel(Operation& operation, Clock::time_point now) noexcept;
    void forget(Listener& listener) noexcept;

    // A connection to a member that has authenticated us; to the same cluster as before, or to
    // another one. May throw bad_alloc.
    void connected(const Uuid& cluster, Clock::time_point now);
    void disconnected(Errc error, std::string_view why, Clock::time_point now) noexcept;
    // None could be made.
    void refused(Errc error, std::string_view why) noexcept;
    // False: the connection is of no use any more, error() and why() say the reason. May throw
    // bad_alloc; the same is to be done then.
    [[nodiscard]] bool received(const Message& message, Clock::time_point now);

    // What is due by now. False: as above. May throw bad_alloc.
    [[nodiscard]] bool tick(Clock::time_point now);
    [[nodiscard]] Clock::time_point due() const noexcept;
    // Whether something is to be sent, or to be waited for.
    [[nodiscard]] bool wants_connection() const noexcept;
    // Whether nobody waits for what is to be read: all of it answers releases that were posted.
    [[nodiscard]] bool has_only_posted() const noexcept {
        return pending_.size() <= posted_ && calls_.size() <= posted_;
    }
    // Closes the sessions, at the end. May throw bad_alloc.
    void close(Clock::time_point now);
    [[nodiscard]] bool is_closed() const noexcept { return sessions_.empty() || !is_ready_; }

    [[nodiscard]] std::string& out() noexcept { return out_; }
    [[nodiscard]] const std::string& out() const noexcept { return out_; }
    [[nodiscard]] Errc error() const noexcept { return error_; }
    [[nodiscard]] const std::string& why() const noexcept { return why_; }
    // Of the cluster, as it names them; empty: it did not.
    [[nodiscard]] const std::vector<MemberAddress>& members() const noexcept { return members_; }
    // The next operation that is to be completed; null: none.
    [[nodiscard]] Operation* take_done() noexcept;
    [[nodiscard]] std::vector<WakeUp> take_wakes() noexcept { return std::exchange(wakes_, {}); }

  private:
    using Time = Clock::time_point;
    using ClaimantPtr = std::shared_ptr<Claimant>;
    using SessionPtr = std::shared_ptr<Session>;

    struct Pending {
        Operation* operation;
        Time expires;
        ClaimantPtr claimant{};
        std::uint64_t correlation = 0;  // of its call that is not answered; 0: it waits
        bool was_sent = false;
        bool was_tried = false;         // acquire: tryLock said no
        bool waits_for_unlock = false;  // acquire: it stands in unlocking_
        bool is_done = false;
        std::list<Pending>::iterator self{};
    };
    struct Unlocks {
        int unanswered = 0;
        std::vector<Pending*> waiting{};
    };
    struct Call {
        Ask what;
        Time sent;
        Pending* pending = nullptr;
        ClaimantPtr claimant{};
        SessionPtr session{};
        bool waits = false;        // it is an entry in a queue
        bool is_given_up = false;  // unlock: of a lease that was not renewed
        Uuid uid{};                // of a try
        std::uint64_t number = 0;
    };

    // client.cpp: operations.
    void drive(Pending& pending, Time now);
    void drive_all(Time now);
    void acquire(Pending& pending, Time now);
    void renew(Pending& pending, Time now);
    void release(Pending& pending, Time now);
    void ask_owner(Pending& pending, std::string_view lock, Time now);
    void finish(Pending& pending) noexcept;
    void lose(Pending& pending, Claimant* claimant) noexcept;
    void fail(Pending& pending, Errc error, std::string_view why) noexcept;
    void give_up(Pending& pending, Errc error, std::string_view why, Time now) noexcept;
    void fail_waiting(Errc error, std::string_view why) noexcept;
    void fail_new(Errc error, std::string_view why) noexcept;  // what waits for a session
    [[nodiscard]] static bool refuse(Operation& operation);

    // client_answers.cpp: what came. What is due is in client_time.cpp.
    [[nodiscard]] bool answered(Call& call, const Message& message, Time now);
    [[nodiscard]] bool failed(Call& call, const Error& error, Time now);
    [[nodiscard]] bool break_off(Errc error, std::string_view why);
    void tried(Call& call, std::uint64_t fence, Time now);
    void waited(Call& call, std::uint64_t fence, Time now);
    void owner_answered(Call& call, const Ownership& owner, Time now);
    void held_by(Reply& reply, const std::string& key, const Ownership& owner, Time now);
    void lost(Call& call, Time now) noexcept;
    [[nodiscard]] bool took_group(const Group& group, Time now);
    void resume(Time now);
    void took_session(const Call& call, const SessionTerms& terms, Time now);
    void granted(Claimant& claimant, std::uint64_t fence, Time now);

    // client_claims.cpp: sessions, and what tokens have.
    // Adds a call, whose message `write` appends under its correlation. All of it or nothing.
    template <class Write>
    void send(Call call, const Write& write);
    [[nodiscard]] bool has_fresh_session(Claimant& claimant, Time now);
    void create_session(Time now);
    void beat(const SessionPtr& session, Time now);
    void tend_sessions(Time now);
    void end_session(const SessionPtr& session, Time now) noexcept;
    [[nodiscard]] ClaimantPtr find(std::string_view key, std::string_view token) const;
    [[nodiscard]] ClaimantPtr claimant_of(const Request& request);
    void attach(Claimant& claimant, const SessionPtr& session) noexcept;
    void set_use(Claimant& claimant, bool is_use) noexcept;
    void wake(WakeUp wake_up) noexcept;
    void ask_to_poll(const Claimant& claimant) noexcept;
    void park(const ClaimantPtr& claimant, Time now);
    void leave(const ClaimantPtr& claimant, Pending* release, Time now);
    [[nodiscard]] bool is_left(Pending& pending);
    void go_on_as_another(Pending& pending, Time now);
    [[nodiscard]] const Claimant* holder(const std::string& key, const Ownership& owner) const;
    void unlock(const ClaimantPtr& claimant, Pending* pending, Time now);
    [[nodiscard]] bool is_unlocked(Pending& pending);
    [[nodiscard]] std::vector<Pending*> unlock_is_over(Claimant& claimant) noexcept;
    void unlocked(Call& call, bool was_held, Time now);
    void unlocked_once(Call& call, Time now);
    void settle(const ClaimantPtr& claimant, Time now);
    void drop(Claimant& claimant) noexcept;
    void expire(Claimant& claimant) noexcept;
    void tidy(Claimant& claimant) noexcept;
    void set_due(Claimant& claimant) noexcept;
    void set_due_at(Claimant& claimant, Time when) noexcept;
    [[nodiscard]] static std::uint32_t& due_index(Claimant& claimant) noexcept {
        return claimant.due_index;
    }
    void tend(const ClaimantPtr& claimant, Time now);
    [[nodiscard]] Uuid new_call() noexcept { return {random_, ++calls_made_}; }

    const Settings settings_;
    const std::string endpoint_;
    const std::uint64_t random_;
    std::uint64_t calls_made_ = 0;

    std::string out_;
    std::uint64_t correlation_ = 0;
    std::unordered_map<std::uint64_t, Call> calls_;
    std::list<Pending> pending_;  // in the order of their end
    std::list<Pending> done_;
    std::size_t posted_ = 0;  // of those that are pending: by a thread that passes by
    std::vector<WakeUp> wakes_;

    bool is_connected_ = false;
    bool is_ready_ = false;  // the group is known
    bool is_creating_ = false;
    Time heard_{};  // when the newest message came, or else the first call was sent that waits
    Time ping_sent_ = Time::max();
    Errc error_ = Errc::connection_lost;
    std::string why_;
    std::string refusal_;  // why the newest attempt to connect failed; empty: it did not
    Uuid cluster_{};
    std::optional<Group> group_;
    std::vector<MemberAddress> members_;

    std::unordered_map<std::string, Unlocks> unlocking_;  // by lock; of the connection there is
    SessionPtr session_{};                                // for what is acquired from now on
    std::list<SessionPtr> sessions_;
    std::unordered_multimap<std::uint64_t, ClaimantPtr> claimants_;  // by thread_of(token)
    detail::DueHeap<Claimant, due_index> due_;
};

template <class Write>
void Client::send(Call call, const Write& write) {
    const std::size_t size = out_.size();
    if (calls_.empty()) heard_ = call.sent;
    Pending* const pending = call.pending;
    Claimant* const tries = call.what == Ask::try_lock ? call.claimant.get() : nullptr;
    const std::uint64_t correlation = call.number = ++correlation_;
    try {
        calls_.emplace(correlation, std::move(call));
        write(out_, correlation);
    } catch (...) {
        out_.resize(size);
        calls_.erase(correlation);
        throw;
    }
    if (tries != nullptr) ++tries->unanswered;
    if (pending == nullptr) return;
    pending->correlation = correlation;
    pending->was_sent = true;
}

}  // namespace leaselock::hazelcast
