#include <algorithm>
#include <fmt/core.h>
#include <new>

#include <leaselock/redis.hpp>

#include "redis/examine.hpp"
#include "redis/inbox.hpp"
#include "redis/link.hpp"
#include "redis/options.hpp"
#include "redis/scan.hpp"
#include "redis/side_keys.hpp"

namespace leaselock {
namespace {

class RedisBackend final : public Backend {
  public:
    // Without an inbox nobody waits by it.
    RedisBackend(redis::LinkSettings settings, std::shared_ptr<Clock> clock,
                 std::unique_ptr<redis::Inbox> inbox)
        : settings_{std::move(settings)},
          clock_{std::move(clock)},
          inbox_{std::move(inbox)},
          link_{settings_, clock_, inbox_.get()} {}
    RedisBackend(const RedisBackend&) = delete;
    RedisBackend& operator=(const RedisBackend&) = delete;
    ~RedisBackend() override {
        // Its thread is the parent's, so it is neither ended nor waited for.
        if (inbox_ && inbox_->inherited()) static_cast<void>(inbox_.release());
    }

    using Backend::submit;

    void submit(std::span<Operation* const> operations) noexcept override {
        if (std::none_of(operations.begin(), operations.end(), refused)) {
            send(operations);
            return;
        }
        for (Operation* const operation : operations) {
            if (!refuse(*operation)) send({&operation, 1});
        }
    }
    bool pump(Operation& operation, Clock::time_point until) noexcept override {
        return link_.pump(operation, until);
    }
    void detach(Operation& operation) noexcept override { link_.detach(operation); }
    void listen(Listener& listener) noexcept override {
        if (inbox_) inbox_->listen(listener);
    }
    void forget(Listener& listener) noexcept override {
        if (inbox_) inbox_->forget(listener);
    }
    std::shared_ptr<Backend> side_channel() override {
        return std::make_shared<RedisBackend>(settings_, clock_, nullptr);
    }
    void examine(std::vector<Finding>& findings) override {
        redis::examine(settings_, clock_, findings);
    }
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        return redis::scan(settings_, clock_, prefix, pattern);
    }

  private:
    void send(std::span<Operation* const> operations) noexcept {
        link_.submit(operations, inbox_ ? inbox_->enlist(operations) : 0);
    }
    static bool refused(const Operation* operation) noexcept {
        return !redis::key_fault(operation->request.key).empty();
    }
    // Completes an operation whose key Redis cannot do.
    static bool refuse(Operation& operation) noexcept {
        const std::string_view fault = redis::key_fault(operation.request.key);
        if (fault.empty()) return false;
        try {
            operation.fail(Errc::invalid_key, fmt::format("the key {}", fault));
        } catch (const std::bad_alloc&) {
            operation.fail(Errc::invalid_key, {});  // an empty text needs no memory
        }
        return true;
    }

    const redis::LinkSettings settings_;
    const std::shared_ptr<Clock> clock_;
    std::unique_ptr<redis::Inbox> inbox_;
    redis::Link link_;
};

}  // namespace

std::shared_ptr<Backend> make_redis_backend(const RedisOptions& options) {
    redis::LinkSettings settings = redis::settings_of(options);
    auto inbox = std::make_unique<redis::Inbox>(settings, options.clock);
    return std::make_shared<RedisBackend>(std::move(settings), options.clock, std::move(inbox));
}

std::shared_ptr<Backend> make_redis_backend(const RedisOptions& options, std::error_code& ec) {
    ec.clear();
    try {
        return make_redis_backend(options);
    } catch (const LockError& error) {
        ec = error.code();
        return nullptr;
    }
}

LockManager connect(std::string_view url, ManagerOptions options) {
    options.backend = "redis";
    RedisOptions redis;
    redis.url = url;
    if (options.clock != nullptr) redis.clock = options.clock;
    LockManager manager{std::move(options)};
    manager.register_backend("redis", make_redis_backend(redis));
    return manager;
}

std::optional<LockManager> connect(std::string_view url, ManagerOptions options,
                                   std::error_code& ec) {
    ec.clear();
    try {
        return connect(url, std::move(options));
    } catch (const LockError& error) {
        ec = error.code();
        return std::nullopt;
    }
}

}  // namespace leaselock
