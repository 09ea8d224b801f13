// The contract of a store of locks: four requests, each one atomic step, no policy. A backend does
// not wait for a lock, retry, renew or sleep; the manager does, above it. Hold yours against
// leaselock/testing/conformance.hpp.
//
// An Operation is a request and later its reply. submit() starts operations and does not wait; each
// is completed exactly once, as soon as its answer is there: on any thread, in any order, whatever
// the others are at. Nobody need call anything for that. cancel() completes one now. help() is
// there for speed alone: a caller that blocks for its answer may lend its thread for the I/O, so
// that nobody has to wake it. The caller owns the operation, and keeps it until it is completed.
//
// Waiting. A store may keep a queue for each key. An acquire that names a Listener makes an entry
// in it when the lock is not free, and keeps that entry by being repeated; a release then hands the
// lock over to the first entry that is alive, and the backend notifies its Listener. That is a
// matter of speed alone: the waiter still polls now and then, and a message that was lost costs
// time. A backend without a queue ignores the Listener, and its waiters poll at the retry delay.
//
// Every implementation must guarantee:
//   - one token, one acquisition: acquire with the token that holds the key is a retry. It answers
//     `granted` with the same fencing token or a higher one, which is below those of later grants,
//     and never shortens the lease.
//   - no command but release ends a lease early, and none but acquire makes one. A store that
//     knows for certain that the holder's process has ended may end its leases then, but for what
//     is left of their min_hold.
//   - a lease runs for as long as was asked, or the reply says for how long (Reply::ttl). Its
//     holder counts on the shorter of the two.
//   - the store's own clock says when a lease ends; for one in the memory of this process that is
//     the Clock of the managers that use it, which a test may move.
//   - fencing tokens of one key strictly rise, over all owners, and stay below 2^53. Where a reply
//     has that of a lock that is held, it is at least the holder's, and below that of the next
//     grant. Other keys may have the same numbers.
//   - renew and release of a token that does not hold the key change nothing and answer `lost`.
//   - a key that is kept for the rest of min_hold (Request::keep) is held by nobody: an acquire is
//     `held`, with Reply::kept and the token that has released it as the holder, also one by that
//     token; renew and release by that token are `lost`. A release by `kept_mark` and that token
//     ends it.
//   - a key has one use at a time (Claim::has_use_of): an acquire with another one is refused,
//     Errc::conflicting_use. But a request for all of a lock is answered `held` while shares are.
//   - shares (Claim::is_share): each is a lease of its own, under its own token, with all that is
//     said here; a lease that ends frees its own shares and no others. Never more are held than
//     there are, none while somebody holds all of the key, and all of it not while one is held.
//     Renew and release name the claim of the acquire;
//     but a renew with a share by the token that holds all of the key turns its lease into one of
//     that share.
//   - a latch (Claim::is_latch) is held by nobody: it lives for the ttl after the last acquire. An
//     acquire of Claim::count_down is `granted`, and counts once for a token; where a command may
//     come late, also for a later life of the latch. One of Claim::await is `granted` when all have
//     counted, and `held` before. A release of Claim::await with the token of `latch_mark` and its
//     count ends it; conflicting_use if somebody waits for it.
//   - while shares are held, the key is held by nobody but, for a release, by the token of
//     `shared_mark` and their number (0 for any number): it ends the leases of all of them.
//   - shares, latches, `min_hold` with `keep`, and list() are for stores that promise them
//     (guarantees()). One without answers Errc::not_supported to a request that has such a thing,
//     and does nothing.
//   - acquire does nothing if it reaches the store after `deadline`.
//   - something under the key that is not a lock is left alone: Errc::corrupt.
//   - a failure is `unavailable` only if the command did not run; when in doubt it is `unknown`.
//   - a copy of a backend in a child process (leaselock/copies.hpp) shares the connections of the
//     parent: it does nothing, answers Errc::forked, and its destructor touches nothing. A manager
//     uses none; is_copied() is for other users of it.
// and one with a queue, too:
//   - a lock goes to queue entries in the order in which they were taken, but for those that are
//   dead: a
//     queue entry lives until `Request::entry_life` after the last acquire that was for it. One
//     whose listener was forgotten is an entry as before; a hand-off to it notifies nobody.
//   - an acquire without a queue entry does not pass one that lives: it is answered as `held`.
//   - a queue entry ends by a grant to its token, or by a release with its token (which is then
//   `lost`,
//     since it held nothing).
//   - a lock is handed over as a grant is made: with a fencing token above all before it, for the
//     ttl of the last acquire, or for less (HandOff::ttl).
//   - a lease that ends by itself need not notify: the next acquire of the first entry finds it.
//   - what is freed goes to as many as it is enough for, in their order.
//
// Thread-safety: a Backend may be used from all threads at once. An Operation belongs to its
// caller, except between submit() and its completion, when only done() may be called from outside
// the backend.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <leaselock/claim.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/word.hpp>
#include <leaselock/error.hpp>
#include <leaselock/finding.hpp>
#include <leaselock/guarantees.hpp>
#include <leaselock/store_nodes.hpp>

namespace leaselock {

namespace detail {
class InstantStore;
}

enum class Verb : std::uint8_t { acquire, renew, release, inspect };

// Before the token of a holder that has released, while the key is kept for its min_hold.
inline constexpr std::string_view kept_mark = "kept:";
// What is named as the holder of a key of shares: this and how many permits there are, 0 for
// readers; of a latch: this and its count.
inline constexpr std::string_view shared_mark = "shared:";
inline constexpr std::string_view latch_mark = "latch:";

// A lock that a release has handed over to a waiter.
struct HandOff {
    std::uint64_t fencing_token = 0;
    // How long it is the waiter's, from then on: what it asked for, or less where the store cannot
    // know whether the waiter lives (Redis and files: 3 s). The manager renews it.
    std::chrono::milliseconds ttl{0};
};

// A waiter for a lock, as the backend knows it. The views outlive the object.
//
// Thread-safety: the calls come on any thread, one at a time, and may come with a lock of the
// backend's held: they must not block, throw, or call the backend. Each gives the thread that it
// was for, which is woken as the WakeUp is destroyed: a backend does that with nothing locked.
class LEASELOCK_EXPORT Listener {
  public:
    Listener(std::string_view key, std::string_view token) noexcept : key_{key}, token_{token} {}
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // Whose turn it is that is waited for: the key with its prefix, and the owner token.
    [[nodiscard]] std::string_view key() const noexcept { return key_; }
    [[nodiscard]] std::string_view token() const noexcept { return token_; }

    // The lock was handed over to its token. May be late: it is to be believed only if its fencing
    // token is above the one in the newest answered acquire, and then for `ttl` from the
    // sending of that acquire.
    virtual WakeUp handed_over(const HandOff& what) noexcept = 0;
    // A message may have been missed: the next poll is due now.
    virtual WakeUp poll() noexcept = 0;

  protected:
    ~Listener() = default;

  private:
    std::string_view key_;
    std::string_view token_;
};

// What is asked. The views must outlive the operation.
struct Request {
    Verb verb = Verb::inspect;
    std::string_view key{};            // with the manager's prefix
    std::size_t prefix = 0;            // the first bytes of the key that are that prefix
    std::string_view token{};          // the owner token: <owner>/<32 hex digits>; not for inspect
    std::chrono::milliseconds ttl{0};  // acquire, renew: how long the lease runs from now on
    std::chrono::milliseconds keep{
        0};  // release: the key stays taken so long (the rest of min_hold); 0 frees it
    // acquire: so long after the grant the key stays taken, at most for its lease, if the store
    // sees that the holder's process has ended.
    std::chrono::milliseconds min_hold{0};
    Claim claim{};          // not for inspect
    bool ask_time = false;  // release: whether the reply must tell the store's time
    bool unread = false;    // release: nobody is left to read the reply, or to send it once more
    // release: all acquires of the token were answered, and none of them took a queue entry.
    bool unqueued = false;
    // renew: the one before it is not answered yet, and time gets short. A backend that has another
    // way to the store, such as another connection, takes it.
    bool repeated = false;
    // acquire: the waiter, which takes or keeps a queue entry when the lock is not granted; null:
    // none. The entry lives for `entry_life` from now on. Not called after forget(), which is due
    // whatever the answer.
    Listener* listener = nullptr;
    std::chrono::milliseconds entry_life{0};
    Clock::time_point submitted{};  // read before submit(): leases count from here
    Clock::time_point deadline = Clock::time_point::max();  // nobody waits longer than this
};

enum class Outcome : std::uint8_t {
    granted,   // acquire: fencing_token
    held,      // acquire: not granted; inspect: held. holder, remaining, kept, fencing_token;
               // without a holder: free, and somebody else's turn
    free,      // inspect
    renewed,   // renew
    released,  // release
    lost,      // renew, release: the token does not hold the key. error: session_expired if that is
               // since all that was acquired by one session with the store has ended together
    failed,    // error, detail
};

struct Reply {
    Outcome outcome = Outcome::failed;
    bool kept = false;    // the holder released it, and it is kept
    bool queued = false;  // acquire, held: the token has a queue entry
    bool first = false;   // and it is the first that lives
    bool told = false;  // and is notified of hand-offs, from before this was sent; else poll() says
                        // from when on
    bool deaths_told = false;                // and so is the end of a holder that did not release
    Errc error = Errc::unexpected_reply;     // why, where it failed, or is lost
    bool in_part = false;                    // it failed, and may have done a part before
    std::uint64_t fencing_token = 0;         // at least the key's last; 0: none
    std::chrono::milliseconds remaining{0};  // of the holder's lease
    // granted, renewed: for how long, from the arrival of the request on, where that is less or
    // more than was asked. 0: as asked.
    std::chrono::milliseconds ttl{0};
    // On the store's own clock, in microseconds; 0: not known, or there is none.
    std::int64_t not_after = 0;   // acquire: the command does nothing when it arrives after this
    std::int64_t store_time = 0;  // release: when it was answered
    int shares = 0;               // inspect, held: how many are taken, or have counted a latch down
    int waiting = 0;              // inspect: entries of the queue; some may have died a moment ago
    std::string holder{};         // the holder's owner token
    std::string detail{};         // why, in words
};

class Operation;

// What is notified that an operation is completed.
class LEASELOCK_EXPORT Completion {
  public:
    // The operation belongs to its caller again. Once for each, on any thread, and perhaps before
    // the submit() or cancel() that led to it returns: must not block, throw or call the backend.
    virtual void completed(Operation& operation) noexcept = 0;

  protected:
    ~Completion() = default;
};

// What the thread that submits does next, as far as the backend may make use of it.
enum class Submitter : std::uint8_t {
    goes_on,    // and is not to be held up by anything
    passes_by,  // may be held up for a moment: a guard's destructor
    helps,      // blocks for the answer, and calls help()
};

class Operation {
  public:
    explicit Operation(const Request& what) noexcept : request{what} {}
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() = default;

    // Whether `reply` is there.
    [[nodiscard]] bool done() const noexcept { return done_.load(std::memory_order_acquire); }

    // For the backend: `reply` is filled in. Exactly once, and with nothing locked that completed()
    // could need; afterwards the backend does not touch the operation any more.
    void complete() noexcept {
        Completion* const whom = completion;
        done_.store(true, std::memory_order_release);
        if (whom != nullptr) whom->completed(*this);
    }
    // Without memory for it the text is left out.
    void fail(Errc error, std::string_view detail) noexcept {
        reply.outcome = Outcome::failed;
        reply.error = error;
        try {
            reply.detail = detail;
        } catch (const std::bad_alloc&) {
            reply.detail.clear();
        }
        complete();
    }

    const Request request;
    Reply reply{};
    // Set before submit(), or left out by a caller that asks done(). With one, the operation stays
    // until that was called, whatever done() says.
    Completion* completion = nullptr;
    Submitter submitter = Submitter::goes_on;
    void* slot = nullptr;       // for the backend: where the operation waits
    Clock::time_point since{};  // for the backend: from when on

  private:
    std::atomic<bool> done_{false};
};

class LEASELOCK_EXPORT Backend {
  public:
    Backend() noexcept : Backend{nullptr} {}
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    virtual ~Backend() = default;

    // Whether it was made before this process was copied: see leaselock/copies.hpp.
    [[nodiscard]] bool is_copied() const noexcept { return origin_.is_copied(); }
    // Of a store of the library's own that is in the memory of this process; else null.
    [[nodiscard]] detail::InstantStore* instant() const noexcept { return instant_; }

    // What the store promises beyond what every backend must guarantee, as it is configured: plain
    // values, the same at each call. Does not block, and asks nobody. Without it that is nothing.
    [[nodiscard]] virtual Guarantees guarantees() const noexcept { return {}; }

    // Starts the operations, in their order; may complete some before it returns. Does not wait for
    // the store. What is given together is written together.
    virtual void submit(std::span<Operation* const> operations) noexcept = 0;
    void submit(Operation& operation) noexcept {
        Operation* const one = &operation;
        submit({&one, 1});
    }

    // The caller's thread does I/O of this backend until the operation is done, or until `until`;
    // it may return earlier. False: there is nothing that it could do, and the caller waits for the
    // completion. One thread at a time for one operation. May do the work of other callers
    // meanwhile, and blocks no longer than that for it.
    virtual bool help(Operation& /*operation*/, Clock::time_point /*until*/) noexcept {
        return false;
    }

    // For a thread that waits to be notified of a hand-off: sleeps as boot_clock()->sleep_until()
    // does (true), and does I/O of this backend meanwhile, so that nobody has to wake the thread
    // for what it reads itself. There for speed alone, as help() is: listeners are notified in any
    // case. False, perhaps before `until`: there is nothing for this thread to do, and it sleeps on
    // the clock. From all threads at once.
    virtual bool sleep_until(Clock::time_point /*until*/, Waker& /*waker*/) noexcept {
        return false;
    }

    // Completes an operation now, unless that is just being done: `unavailable` if nothing of it
    // was sent, else `unknown`, and a late answer to it is dropped. Does not block. A backend whose
    // operations are complete when submit() returns has nothing to do.
    virtual void cancel(Operation& /*operation*/) noexcept {}

    // It is notified of nothing more, and its address is not kept. Its entry stays until a release
    // with its token, or its end: a hand-off goes to it as to any other, and nobody is notified;
    // the release that its manager owes hands the lock on. Unknown listeners are ignored. Waits for
    // a call that is under way, so it is not for those calls; else it does not block.
    virtual void forget(Listener& /*listener*/) noexcept {}

    // How many connections were made in the place of one that was there before, for LockStats. Does
    // not block.
    [[nodiscard]] virtual std::uint64_t reconnects() const noexcept { return 0; }

    // The store's own part of LockManager::check(): adds what is wrong with the store and how it is
    // set up. Blocks for a command time-out at most. Throws LockError if the store cannot be asked.
    virtual void examine(std::vector<Finding>& /*findings*/) {}

    // The same for what the store keeps for all locks of a manager's prefix.
    virtual void examine_prefix(std::string_view /*prefix*/, CheckDepth /*depth*/,
                                std::vector<Finding>& /*findings*/) {}

    // The servers that the store consists of now. Adds what could not be seen for want of a right.
    // Blocks for a command time-out for each server at most. Throws LockError if the store cannot
    // be asked.
    [[nodiscard]] virtual StoreNodes nodes(std::vector<Finding>& /*findings*/) { return {}; }

    // The store's part of LockManager::list(): the keys that begin with `prefix` and go on with
    // what the glob `pattern` matches (<leaselock/glob.hpp> has is_listed()), in any order; more
    // than once, and such as hold no lock, do no harm. In pieces, so that no call for a lock is
    // held up for longer than by a few commands. Throws LockError.
    [[nodiscard]] virtual std::vector<std::string> list(std::string_view /*prefix*/,
                                                        std::string_view /*pattern*/) {
        throw LockError(Errc::not_supported, "this backend does not list its keys");
    }

  protected:
    explicit Backend(detail::InstantStore* instant) noexcept : instant_{instant} {}

    // Whether it was made by another process than this one, and nothing of it may be touched.
    [[nodiscard]] bool is_in_child() const noexcept { return origin_.is_in_child(); }
    // What a copy does: nothing, and it says so.
    static void refuse_copied(std::span<Operation* const> operations) noexcept {
        for (Operation* const operation : operations) operation->fail(Errc::forked, {});
    }
    void throw_if_copied() const {
        if (is_copied()) {
            throw LockError(Errc::forked, "the child makes backends of its own");
        }
    }

  private:
    const detail::Origin origin_{};
    detail::InstantStore* const instant_;
};

}  // namespace leaselock
