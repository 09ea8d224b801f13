// A store whose client blocks for each answer, as a backend: a SQL library, a vendor's SDK. For
// such a client write a BlockingStore, four functions that ask and return:
//
//     class MyStore final : public leaselock::BlockingStore {
//         leaselock::Reply acquire(const leaselock::Request& what) override;
//         leaselock::Reply renew(const leaselock::Request& what) override;
//         leaselock::Reply release(const leaselock::Request& what) override;
//         leaselock::Reply inspect(const leaselock::Request& what) override;
//     };
//     locks.register_backend("mine", std::make_shared<leaselock::BlockingBackend>(
//                                        std::make_unique<MyStore>()));
//
// Each function is one atomic step, with what leaselock/backend.hpp says of its verb. Waiters poll:
// such a store has no queue.
//
// Thread-safety: each class says its own.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/error.hpp>
#include <leaselock/finding.hpp>
#include <leaselock/guarantees.hpp>

namespace leaselock {

// Thread-safety: called by several threads at once, but never twice at once for the same key. May
// block for as long as it takes; a caller gives up at its own deadline.
//
// What is thrown becomes the failure of the call. A LockError: its code, which is `unavailable`
// only if nothing ran. bad_alloc: Errc::out_of_memory. All else: Errc::unexpected_reply. After both
// the library counts on it that the store may have done it.
class LEASELOCK_EXPORT BlockingStore {
  public:
    BlockingStore() = default;
    BlockingStore(const BlockingStore&) = delete;
    BlockingStore& operator=(const BlockingStore&) = delete;
    virtual ~BlockingStore() = default;

    // Granted or held.
    virtual Reply acquire(const Request& what) = 0;
    // Renewed or lost.
    virtual Reply renew(const Request& what) = 0;
    // Released or lost.
    virtual Reply release(const Request& what) = 0;
    // Held or free.
    virtual Reply inspect(const Request& what) = 0;

    // What it promises beyond that, as Backend says: plain values. A request with a share, of a
    // latch, or with a min_hold is refused before it comes here unless that is promised. `notified`
    // and `fair` are not for it: it knows of no waiter.
    [[nodiscard]] virtual Guarantees guarantees() const noexcept { return {}; }

    // As Backend says; called on the thread of the caller.
    virtual void examine(std::vector<Finding>& /*findings*/) {}
    [[nodiscard]] virtual std::vector<std::string> list(std::string_view /*prefix*/,
                                                        std::string_view /*pattern*/) {
        throw LockError(Errc::not_supported, "this backend does not list its keys");
    }
};

// Thread-safety: all calls from all threads at once.
class LEASELOCK_EXPORT BlockingBackend final : public Backend {
  public:
    // As many threads at most, 1 to 64, are lent to the store; they are started when needed and
    // end with this object. Throws LockError{invalid_option}, bad_alloc.
    explicit BlockingBackend(std::unique_ptr<BlockingStore> store, int threads = 4);
    BlockingBackend(const BlockingBackend&) = delete;
    BlockingBackend& operator=(const BlockingBackend&) = delete;
    // Blocks until the functions that are under way return.
    ~BlockingBackend() override;

    using Backend::submit;

    [[nodiscard]] Guarantees guarantees() const noexcept override;
    // A call waits for a thread, and for the calls of its key that came before it. If the system
    // gives no thread at all it fails with Errc::no_thread.
    void submit(std::span<Operation* const> operations) noexcept override;
    void cancel(Operation& operation) noexcept override;
    void examine(std::vector<Finding>& findings) override;
    [[nodiscard]] std::vector<std::string> list(std::string_view prefix,
                                                std::string_view pattern) override;

  private:
    class Pool;

    using Store = std::unique_ptr<BlockingStore>;

    detail::AtHome<Store> store_;  // a child does not end the parent's client
    detail::AtHome<std::unique_ptr<Pool>> pool_;
};

}  // namespace leaselock
