// The contract of a store of locks: four verbs, each one atomic step, no policy. A backend does not
// wait for a lock, retry, renew or sleep; the manager does, above it. Hold yours against
// leaselock/testing/conformance.hpp.
//
// An Operation is a request and later its reply. The caller owns it and keeps it alive until it is
// done or detached. submit() starts it and does not wait; pump() lends the caller's thread until it
// is done; detach() lets go of it.
//
// Every implementation must guarantee:
//   - one token, one acquisition: acquire with the token that holds the key is a retry. It answers
//     `granted` with the same fencing token, and never shortens the lease.
//   - no command but release ends a lease early, and none but acquire makes one.
//   - fencing tokens of one key strictly rise, over all owners, and stay below 2^53.
//   - renew and release of a token that does not hold the key change nothing and answer `lost`.
//   - acquire does nothing if it reaches the store after `deadline`.
//   - something under the key that is not a lock is left alone: Errc::corrupt.
//   - a failure is `unavailable` only if the command did not run; when in doubt it is `unknown`.
//
// Thread-safety: a Backend may be used from all threads at once. An Operation belongs to its
// caller, except between submit() and done(), when only done() may be called from outside the
// backend.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <leaselock/clock.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/error.hpp>

namespace leaselock {

enum class Verb : std::uint8_t { acquire, renew, release, inspect };

// What is asked. The views must outlive the operation.
struct Request {
    Verb verb = Verb::inspect;
    std::string_view key{};            // with the manager's prefix
    std::string_view token{};          // the owner token: <owner>/<32 hex digits>; not for inspect
    std::chrono::milliseconds ttl{0};  // acquire, renew: how long the lease runs from now on
    std::chrono::milliseconds keep{
        0};                         // release: the key stays taken so long (min_hold); 0 frees it
    Clock::time_point submitted{};  // read before submit(): leases count from here
    Clock::time_point deadline = Clock::time_point::max();  // nobody waits longer than this
};

enum class Outcome : std::uint8_t {
    granted,   // acquire: fencing_token
    held,      // acquire: not granted; inspect: held. holder, remaining, kept, fencing_token
    free,      // inspect
    renewed,   // renew
    released,  // release
    lost,      // renew, release: the token does not hold the key
    failed,    // error, detail
};

struct Reply {
    Outcome outcome = Outcome::failed;
    bool kept = false;                       // the holder released it, and it is kept
    Errc error = Errc::unexpected_reply;     // why, where it failed
    std::uint64_t fencing_token = 0;         // 0: none
    std::chrono::milliseconds remaining{0};  // of the holder's lease
    std::string holder{};                    // the holder's owner token
    std::string detail{};                    // why, in words
};

class Operation {
  public:
    explicit Operation(const Request& what) noexcept : request{what} {}
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() = default;

    // Whether `reply` is there.
    [[nodiscard]] bool done() const noexcept { return done_.load(std::memory_order_acquire); }

    // For the backend: `reply` is filled in. Exactly once; afterwards the backend does not touch
    // the operation any more.
    void complete() noexcept { done_.store(true, std::memory_order_release); }
    void fail(Errc error, std::string detail) noexcept {
        reply.outcome = Outcome::failed;
        reply.error = error;
        reply.detail = std::move(detail);
        complete();
    }

    const Request request;
    Reply reply{};
    void* slot = nullptr;  // for the backend: where the operation waits

  private:
    std::atomic<bool> done_{false};
};

class LEASELOCK_EXPORT Backend {
  public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    virtual ~Backend() = default;

    // Starts the operation; may complete it before it returns. Does not wait for the store.
    virtual void submit(Operation& operation) noexcept = 0;

    // Blocks until the operation is done (true) or its deadline is reached (false). A backend with
    // a command time-out of its own completes the operation as `unknown` when that is over. The
    // caller's thread may do the I/O of other callers meanwhile.
    virtual bool pump(Operation& operation) noexcept = 0;

    // Lets go of an operation that is not done: it is completed at once, `unavailable` if nothing
    // of it was sent, else `unknown`, and a late answer to it is dropped. Does not block.
    virtual void detach(Operation& operation) noexcept = 0;
};

}  // namespace leaselock
