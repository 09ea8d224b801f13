// One asynchronous call in asio's sense: an awaitable of <leaselock/async.hpp> whose end is handed
// to the executor of a completion handler.
#pragma once

#include <leaselock/detail/asio_context.hpp>

#if LEASELOCK_ASIO_USES_BOOST
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#if __has_include(<boost/asio/associated_cancellation_slot.hpp>)
#include <boost/asio/associated_cancellation_slot.hpp>
#define LEASELOCK_ASIO_HAS_SLOTS
#endif
#else
#include <asio/associated_allocator.hpp>
#include <asio/associated_executor.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#if __has_include(<asio/associated_cancellation_slot.hpp>)
#include <asio/associated_cancellation_slot.hpp>
#define LEASELOCK_ASIO_HAS_SLOTS
#endif
#endif

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include <leaselock/async.hpp>
#include <leaselock/detail/requirements.hpp>

namespace leaselock::detail {
inline namespace LEASELOCK_ASIO_NAMES {

struct RequestStop {
    std::stop_source stop;
    void operator()() noexcept { stop.request_stop(); }
};

// What ends a wait: the caller's token, the handler's cancellation slot, and the context's end. A
// slot may keep its function longer than the wait lasts, which then does nothing.
template <class Handler>
[[nodiscard]] std::stop_source asio_stop([[maybe_unused]] const Handler& handler) {
    std::stop_source stop;
#ifdef LEASELOCK_ASIO_HAS_SLOTS
    if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected()) {
        slot.assign([stop](auto /*type*/) mutable { stop.request_stop(); });
    }
#endif
    return stop;
}

// What the handler is called with.
template <class Awaitable>
[[nodiscard]] auto asio_results(Awaitable& done) noexcept {
    std::tuple<std::exception_ptr, decltype(done.await_resume())> results;
    try {
        std::get<1>(results) = done.await_resume();
    } catch (...) {
        std::get<0>(results) = std::current_exception();
    }
    return results;
}
[[nodiscard]] inline auto asio_results(ReleaseAwaitable& done) noexcept {
    return std::tuple{done.await_resume()};
}

template <class Handler, class Results>
struct AsioCompletion {
    Handler handler;
    Results results;

    using allocator_type = net::associated_allocator_t<Handler>;
    [[nodiscard]] allocator_type get_allocator() const noexcept {
        return net::get_associated_allocator(handler);
    }
    void operator()() { std::apply(std::move(handler), std::move(results)); }
};

template <class Handler>
struct AsioHandler final : AsioWait {
    AsioHandler(Handler&& calls, std::stop_source ends)
        : AsioWait{std::move(ends)},
          handler{std::move(calls)},
          work{net::get_associated_executor(handler)} {}

    Handler handler;
    net::executor_work_guard<net::associated_executor_t<Handler>> work;
};

// While it waits it belongs to the manager's thread for coroutines, which calls it as the executor
// of the awaitable: nothing here has a coroutine of its own.
template <class Awaitable, class Handler>
class AsioOperation {
  public:
    // `make` gives the awaitable. May throw bad_alloc; then the handler is destroyed.
    template <class Make>
    static void start(Handler handler, std::stop_source stop, const std::stop_token& callers,
                      const Make& make) {
        auto self = std::make_unique<AsioOperation>(std::move(handler), stop, callers, make);
        Awaitable& awaitable = self->awaitable_;
        if (!awaitable.await_ready() &&
            std::move(awaitable).resume_on(*self).await_suspend(std::noop_coroutine())) {
            (void)self.release();  // it may be gone already
        } else {
            self->finish();
        }
    }

    template <class Make>
    AsioOperation(Handler&& handler, std::stop_source& stop, const std::stop_token& callers,
                  const Make& make)
        : awaitable_{make(stop.get_token())},
          waits_{asio_waits(net::get_associated_executor(handler))} {
        if (callers.stop_possible()) on_stop_.emplace(callers, RequestStop{stop});
        waits_->add(this, std::make_unique<AsioHandler<Handler>>(std::move(handler), stop));
    }
    AsioOperation(const AsioOperation&) = delete;
    AsioOperation& operator=(const AsioOperation&) = delete;
    ~AsioOperation() { const AsioWaits::Taken dropped{*waits_, this}; }

    void operator()(std::coroutine_handle<> /*nobody*/) noexcept {
        const std::unique_ptr<AsioOperation> self{this};
        finish();
    }

  private:
    // A lock that nobody is left to take is released here. post() and not dispatch(): no handler
    // may run on the manager's thread, nor before the call returns.
    void finish() {
        auto results = asio_results(awaitable_);
        const AsioWaits::Taken taken{*waits_, this};
        if (taken.get() == nullptr) return;
        auto& to = static_cast<AsioHandler<Handler>&>(*taken.get());
        net::post(to.work.get_executor(), AsioCompletion<Handler, decltype(results)>{
                                              std::move(to.handler), std::move(results)});
    }

    Awaitable awaitable_;
    const std::shared_ptr<AsioWaits> waits_;
    std::optional<std::stop_callback<RequestStop>> on_stop_{};
};

}  // namespace LEASELOCK_ASIO_NAMES
}  // namespace leaselock::detail
