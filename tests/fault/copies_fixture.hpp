// What the tests of copies of a process share: a store of each kind, with a manager, a guard and a
// backend that were made before the copy.
//
// Thread-safety: for the thread of its test.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <leaselock/copies.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/redis.hpp>

#include "support/poll_until.hpp"
#include "support/process_copy.hpp"
#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"

namespace leaselock::support {

using namespace std::chrono_literals;

enum class Kind { memory, files, redis };

[[nodiscard]] inline std::string name_of(Kind kind) {
    if (kind == Kind::memory) return "Memory";
    return kind == Kind::files ? "Files" : "Redis";
}

// One that is not ours, and knows nothing of copies: it does whatever it is asked, and counts.
class UsersBackend final : public Backend {
  public:
    using Backend::submit;

    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const operation : operations) {
            ++calls;
            if (on_call) on_call();
            switch (operation->request.verb) {
                case Verb::acquire: operation->reply.outcome = Outcome::granted; break;
                case Verb::renew: operation->reply.outcome = Outcome::renewed; break;
                case Verb::release: operation->reply.outcome = Outcome::released; break;
                case Verb::inspect: operation->reply.outcome = Outcome::free; break;
            }
            operation->reply.fencing_token = static_cast<std::uint64_t>(calls.load());
            operation->complete();
        }
    }

    std::atomic<int> calls{0};
    std::function<void()> on_call{};
};

// Nothing is made of it before the copy, so that the copy may have threads beside a sanitizer, too.
class FreshStore : public ::testing::TestWithParam<Kind> {
  protected:
    void SetUp() override {
        if (GetParam() == Kind::redis) server_.emplace();
    }
    // Of the test's store; of memory there is another one with each.
    [[nodiscard]] std::shared_ptr<Backend> make_backend() {
        switch (GetParam()) {
            case Kind::memory: return std::make_shared<MemoryBackend>();
            case Kind::files: return make_file_backend({.directory = directory_.file("locks")});
            case Kind::redis: break;
        }
        return make_redis_backend(
            {.url = server_->url(), .connect_timeout = 20s, .command_timeout = 20s});
    }
    // All processes call themselves the same, as those of one configuration do.
    [[nodiscard]] static LockManager manager_on(std::shared_ptr<Backend> backend) {
        LockManager locks{{.prefix = {}, .owner = "worker"}};
        locks.register_backend("store", std::move(backend));
        locks.set_default_backend("store");
        return locks;
    }

    TempDir directory_;
    std::optional<RedisServer> server_;
};

class CopiedStore : public FreshStore {
  protected:
    void SetUp() override {
        FreshStore::SetUp();
        backend_ = make_backend();
        locks_ = manager_on(backend_);
        lock_ = locks_.acquire("key", {.ttl = 10min});
    }

    std::shared_ptr<Backend> backend_;
    LockManager locks_;
    std::optional<ScopedDistributedLock> lock_;
    std::error_code ec_;
};

}  // namespace leaselock::support
