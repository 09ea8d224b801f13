// The masters of a Redis Cluster as one store: each operation goes to the master of its key's hash
// slot, and after the redirects that the nodes answer with. What waits for a hand-off subscribes at
// that master, by one channel at all of them, so that a queue entry stays good when its slot moves.
//
// An operation of a caller is `whole`; it is done by attempts, one after the other, each an
// operation of its own at one node. What a node refused before it did anything is attempted again
// within the operation's time: at the node that it names (MOVED, ASK; 5 in a row at most), or at
// the same one after a pause (TRYAGAIN, CLUSTERDOWN). A redirect is followed to members of the
// cluster alone. All else is the answer: what may have run is never attempted again here.
//
// The table of slots is read when the first operation comes, and again when a node redirects or
// fails, at most once a second, by a thread of its own for as long as that takes. What needs it
// waits parked; the engine takes parked operations up again.
//
// Thread-safety: all calls from all threads at once, topology() too. Lock order: a
// command channel's mutex, then `mutex_`, then a subscriber's: no channel is called with `mutex_`
// held.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/detail/word.hpp>

#include "base/backoff.hpp"
#include "engine/engine.hpp"
#include "redis/cluster_attempt.hpp"
#include "redis/slot_table.hpp"
#include "redis/topology.hpp"

namespace leaselock::redis {

class Cluster final : private engine::Engine::Task, private AttemptOwner {
  public:
    Cluster(ClusterSettings settings, std::shared_ptr<Clock> clock);
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;
    // Blocks for a connect that is under way: for as long as the credentials callback, at most.
    ~Cluster() override;

    // As Backend says. The key of each is one that Redis can do.
    void submit(std::span<Operation* const> operations) noexcept;
    bool help(Operation& operation, Clock::time_point until) noexcept;
    void cancel(Operation& operation) noexcept;
    void forget(Listener& listener) noexcept;
    bool sleep_until(Clock::time_point until, Waker& waker) noexcept;

    // The table as a node has it now. Blocks: for each node that does not answer for the connect
    // or the command time-out. Throws LockError.
    [[nodiscard]] SlotTable topology();
    [[nodiscard]] const ClusterSettings& settings() const noexcept { return settings_; }

  private:
    using Member = ClusterMember;

    // What is attempted next, and where.
    struct Parked {
        Operation* whole;
        std::optional<NodeAddress> to{};  // empty: at the owner of the slot
        bool asking = false;
        bool needs_table = false;
        int hops = 0;
        int pauses = 0;
        Clock::time_point due{};
        std::string refusal{};  // as in Attempt
        std::string why{};      // why it waits, if that is not the refusal
    };
    using List = std::list<Parked>;

    // Attempts that are made and not yet given to their nodes.
    struct Batch {
        static constexpr std::size_t most = 64;
        std::array<Attempt*, most> attempts{};
        std::size_t size = 0;
    };

    // cluster.cpp: from an operation to attempts, and what their ends mean.
    void put(Operation& operation, Batch& batch);
    void start(Batch& batch) noexcept;
    void completed(Attempt& attempt) noexcept override;
    [[nodiscard]] bool goes_on(Attempt& attempt);
    // False: there is nowhere to go, and the text says so.
    [[nodiscard]] bool follow(const Redirect& redirect, Attempt& attempt, Parked& next)
        LEASELOCK_REQUIRES(mutex_);
    void finish(Attempt& attempt) noexcept;
    [[nodiscard]] Clock::time_point end_of(const Operation& operation) const noexcept;
    [[nodiscard]] std::string unserved(std::uint16_t slot) const;

    // cluster_parked.cpp: what is parked, until the engine takes it up.
    void step(Clock::time_point now) noexcept override;
    void park(Parked parked) LEASELOCK_REQUIRES(mutex_);
    void take_up(Clock::time_point now, Batch& batch, List& over) noexcept
        LEASELOCK_REQUIRES(mutex_);
    // Null: it has to go on waiting, or has nowhere to go, which its text says then.
    [[nodiscard]] Attempt* attempt_of(Parked& parked) LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] Clock::time_point next_step() const noexcept LEASELOCK_REQUIRES(mutex_);
    static void give_up(const Parked& parked, Errc error, std::string_view why) noexcept;

    // cluster_table.cpp: the table and the nodes that are in it.
    void want_table(const NodeAddress* suspect) LEASELOCK_REQUIRES(mutex_);
    // The error text of an operation for which no table was read in time.
    [[nodiscard]] std::string no_table() const LEASELOCK_REQUIRES(mutex_);
    void start_refresh(Clock::time_point now) noexcept LEASELOCK_REQUIRES(mutex_);
    void refresh(const std::vector<NodeAddress>& nodes) noexcept;
    [[nodiscard]] std::vector<NodeAddress> candidates() LEASELOCK_REQUIRES(mutex_);
    using Members = std::vector<std::shared_ptr<Member>>;
    // Gives the members that have lost slots; takes out into `gone` what nobody uses any more.
    [[nodiscard]] Members adopt(SlotTable table, Members& gone) LEASELOCK_REQUIRES(mutex_);
    // Null: there is no such node.
    [[nodiscard]] std::shared_ptr<Member> member(SlotTable::Index node) LEASELOCK_REQUIRES(mutex_);

    const ClusterSettings settings_;
    const std::shared_ptr<Clock> clock_;
    const std::string channel_;
    Topology reader_;  // of the thread that refreshes

    detail::Mutex mutex_;
    detail::Word refresh_over_;  // the destructor sleeps on it
    std::optional<SlotTable> table_ LEASELOCK_GUARDED_BY(mutex_);
    // The nodes of the table, in its order; null: nothing was sent there yet.
    Members members_ LEASELOCK_GUARDED_BY(mutex_);
    Members leaving_ LEASELOCK_GUARDED_BY(mutex_);  // not in the table any more
    List parked_ LEASELOCK_GUARDED_BY(mutex_);
    std::shared_ptr<engine::Engine> engine_ LEASELOCK_GUARDED_BY(mutex_);
    std::optional<NodeAddress> suspect_ LEASELOCK_GUARDED_BY(mutex_);  // is asked last
    std::minstd_rand random_ LEASELOCK_GUARDED_BY(mutex_);
    // When the table may be read again.
    detail::Backoff backoff_ LEASELOCK_GUARDED_BY(mutex_){first_pause, longest_pause};
    // Why the table could not be read the last time; empty: it could.
    std::string refusal_ LEASELOCK_GUARDED_BY(mutex_);
    bool wants_table_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool refreshing_ LEASELOCK_GUARDED_BY(mutex_) = false;
    bool ending_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::thread refresher_ LEASELOCK_GUARDED_BY(mutex_);
};

}  // namespace leaselock::redis
