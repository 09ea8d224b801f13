// What tests of <leaselock/asio.hpp> stand on, with either asio: a memory store that fails as it is
// told, a manager, and an io_context.
#pragma once

#include <leaselock/asio.hpp>
#if LEASELOCK_ASIO_USES_BOOST
#include <boost/asio.hpp>
#else
#include <asio.hpp>
#endif

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <optional>

#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/detail/granted.hpp>
#include <leaselock/testing/fault_backend.hpp>

#include "support/poll_until.hpp"

namespace leaselock {

namespace net = detail::net;
using Lock = Acquired<ScopedDistributedLock>;
using support::poll_until;

class AsioWorld : public ::testing::Test {
  protected:
    std::shared_ptr<testing::FaultBackend> store_ =
        std::make_shared<testing::FaultBackend>(std::make_shared<MemoryBackend>());
    LockManager locks_ = make();
    std::optional<net::io_context> context_{std::in_place};

    LockManager make() {
        LockManager locks{{.owner = "tester:1"}};
        locks.register_backend("store", store_);
        locks.set_default_backend("store");
        return locks;
    }
    // Runs a coroutine on the context until that has nothing to do any more; throws what it throws.
    template <class Coroutine>
    void run(Coroutine coroutine) {
        std::exception_ptr failure;
        net::co_spawn(*context_, std::move(coroutine),
                      [&](const std::exception_ptr& e) { failure = e; });
        context_->run();
        context_->restart();
        if (failure) std::rethrow_exception(failure);
    }
    template <class Handler>
    auto here(Handler handler) {
        return net::bind_executor(context_->get_executor(), std::move(handler));
    }
    // Whether so many acquisitions have reached the store, or do soon.
    [[nodiscard]] bool asked(std::ptrdiff_t count) const {
        return poll_until([&] {
            const auto records = store_->records();
            return count <= std::count_if(records.begin(), records.end(), [](const auto& each) {
                       return each.verb == Verb::acquire;
                   });
        });
    }
    [[nodiscard]] bool free_soon() {
        return poll_until([&] { return granted(locks_.try_acquire("key")); });
    }
};

}  // namespace leaselock
