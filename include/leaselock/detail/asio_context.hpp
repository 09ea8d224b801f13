// Which asio it is, and what <leaselock/asio.hpp> keeps for each of its execution contexts: the
// handlers that wait. asio destroys a context's handlers with the context. Ours wait on another
// thread, which must neither hold one beyond that nor hand it to a context that is being destroyed.
#pragma once

#ifndef LEASELOCK_ASIO_USES_BOOST
#if defined(ASIO_VERSION)
#define LEASELOCK_ASIO_USES_BOOST 0
#elif defined(BOOST_ASIO_VERSION)
#define LEASELOCK_ASIO_USES_BOOST 1
#elif __has_include(<asio/version.hpp>)
#define LEASELOCK_ASIO_USES_BOOST 0
#elif __has_include(<boost/asio/version.hpp>)
#define LEASELOCK_ASIO_USES_BOOST 1
#else
#error \
    "<leaselock/asio.hpp> needs asio (libasio-dev on Debian and Ubuntu) or Boost.Asio (libboost-dev)"
#endif
#endif

// Each of the two has names of its own, so that one program may use both, in different files.
#if LEASELOCK_ASIO_USES_BOOST
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#define LEASELOCK_ASIO ::boost::asio
#define LEASELOCK_ASIO_NAMES with_boost_asio
#else
#include <asio/async_result.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>
#define LEASELOCK_ASIO ::asio
#define LEASELOCK_ASIO_NAMES with_asio
#endif

#include <map>
#include <memory>
#include <utility>

#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/requirements.hpp>
#include <leaselock/detail/thread_annotations.hpp>

namespace leaselock::detail {
inline namespace LEASELOCK_ASIO_NAMES {

namespace net = LEASELOCK_ASIO;

// A handler that waits, whatever its type; `stop` ends what it waits for.
class AsioWait {
  public:
    explicit AsioWait(std::stop_source ends) noexcept : stop{std::move(ends)} {}
    AsioWait(const AsioWait&) = delete;
    AsioWait& operator=(const AsioWait&) = delete;
    virtual ~AsioWait() = default;

    std::stop_source stop;
};

// The handlers that wait on behalf of one context, under what they wait for.
//
// Thread-safety: all calls from all threads at once.
class AsioWaits {
  public:
    using Map = std::map<const void*, std::unique_ptr<AsioWait>>;

    void add(const void* what, std::unique_ptr<AsioWait> wait) {
        Map one;
        one.emplace(what, std::move(wait));
        {
            const MutexLock lock{mutex_};
            if (!closed_) waiting_->merge(one);
        }
        give_up(one);
    }

    // A handler that is taken out: until this is destroyed, and the handler with it, so is not the
    // context. Empty if the context came first.
    class Taken {
      public:
        Taken(AsioWaits& waits, const void* what) : waits_{waits}, node_{waits.take(what)} {}
        Taken(const Taken&) = delete;
        Taken& operator=(const Taken&) = delete;
        ~Taken() {
            if (node_.empty()) return;
            node_ = {};
            waits_.let_go();
        }
        [[nodiscard]] AsioWait* get() const noexcept {
            return node_.empty() ? nullptr : node_.mapped().get();
        }

      private:
        AsioWaits& waits_;
        Map::node_type node_;
    };

    // The context is being destroyed: destroys all handlers, and lets nobody wait any more. In a
    // child the handlers are the parent's, and stay where they are.
    void close() {
        if (origin_.is_in_child()) return;
        Map all;
        {
            const MutexLock lock{mutex_};
            closed_ = true;
            all.swap(*waiting_);
            while (taken_ != 0) none_taken_.wait(mutex_);
        }
        give_up(all);
    }

  private:
    static void give_up(const Map& waits) noexcept {
        for (const auto& [what, wait] : waits) wait->stop.request_stop();
    }
    [[nodiscard]] Map::node_type take(const void* what) {
        const MutexLock lock{mutex_};
        Map::node_type node = waiting_->extract(what);
        if (!node.empty()) ++taken_;
        return node;
    }
    void let_go() {
        const MutexLock lock{mutex_};
        if (--taken_ == 0) none_taken_.notify_all();
    }

    const Origin origin_{};
    Mutex mutex_;
    Condition none_taken_;
    AtHome<Map> waiting_ LEASELOCK_GUARDED_BY(mutex_){};
    int taken_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    bool closed_ LEASELOCK_GUARDED_BY(mutex_) = false;
};

// They outlive the context, for those who find it gone.
class AsioService final : public net::execution_context::service {
  public:
    // NOLINTNEXTLINE(readability-identifier-naming): the name that asio looks for.
    static inline net::execution_context::id id;

    explicit AsioService(net::execution_context& context)
        : net::execution_context::service{context} {}

    std::shared_ptr<AsioWaits> waits = std::make_shared<AsioWaits>();

  private:
    void shutdown() override { waits->close(); }
    // The context goes on in the child, and nobody waits there yet.
    void notify_fork(net::execution_context::fork_event event) override {
        if (event == net::execution_context::fork_child) waits = std::make_shared<AsioWaits>();
    }
};

// An executor that does not tell its context has to see to it itself that it outlives its handlers.
template <class Executor>
[[nodiscard]] std::shared_ptr<AsioWaits> asio_waits(const Executor& executor) {
    if constexpr (net::can_query_v<const Executor&, net::execution::context_t>) {
        net::execution_context& context = net::query(executor, net::execution::context);
        return net::use_service<AsioService>(context).waits;
    } else if constexpr (requires { executor.context(); }) {
        return net::use_service<AsioService>(executor.context()).waits;
    } else {
        return std::make_shared<AsioWaits>();
    }
}

}  // namespace LEASELOCK_ASIO_NAMES
}  // namespace leaselock::detail
