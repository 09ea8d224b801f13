// Goal: in a child what was made before the fork is known to be the parent's, whatever it is: it
// holds nothing, is refused with `forked` before any I/O, may be destroyed, and the parent goes on
// undisturbed. Method: a child of a real fork looks at copies of all that there is, on each kind of
// store; what it finds wrong is a text. The parent's threads wait, or are busy, at the time of the
// fork, so that a child which takes a mutex or waits for a thread stands still.
#include <atomic>
#include <string>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "fault/copies_fixture.hpp"

namespace leaselock::support {
namespace {

class Copies : public CopiedStore {
  protected:
    // How often somebody has connected to the server.
    [[nodiscard]] std::string connections() {
        if (!server_) return {};
        const std::string all = server_->cli("INFO", "stats");
        const std::size_t at = all.find("total_connections_received");
        return all.substr(at, all.find("\r\n", at) - at);
    }
    void expect_parent_works() {
        EXPECT_TRUE(lock_->owns_lock());
        EXPECT_EQ(lock_->release(ec_), ReleaseResult::released) << ec_.message();
        EXPECT_TRUE(locks_.try_acquire("key", {}, ec_)) << ec_.message();
    }
};

TEST_P(Copies, BackendOfTheParentIsRefusedInTheChild) {
    const std::string before = connections();
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          LockManager own = manager_on(backend_);
                          std::error_code ec;
                          found.expect(!granted(own.try_acquire("other", {}, ec)), "granted");
                          found.expect(ec == Errc::forked, "acquire: " + ec.message());
                          (void)own.inspect("key", {}, ec);
                          found.expect(ec == Errc::forked, "inspect: " + ec.message());
                          (void)own.list("*", {}, ec);
                          found.expect(ec == Errc::forked, "list: " + ec.message());
                          (void)own.check({}, ec);
                          found.expect(ec == Errc::forked, "check: " + ec.message());
                          return found.text();
                      }),
              "");
    EXPECT_EQ(connections(), before);
    expect_parent_works();
}

// As a backend that wraps another one, and is made in the child, would do.
TEST_P(Copies, BackendOfTheParentAnswersForkedToWhoeverAsksIt) {
    EXPECT_EQ(
        in_copy(
            Copying::fork,
            [&] {
                Findings found;
                const std::string token = "worker/" + std::string(32, '0');
                for (const Verb verb : {Verb::acquire, Verb::renew, Verb::release, Verb::inspect}) {
                    Operation operation{{.verb = verb,
                                         .key = "key",
                                         .token = token,
                                         .ttl = 1s,
                                         .submitted = boot_clock()->now()}};
                    backend_->submit(operation);
                    found.expect(operation.done(), "not answered");
                    found.expect(operation.reply.error == Errc::forked, "not forked");
                }
                return found.text();
            }),
        "");
    expect_parent_works();
}

TEST_P(Copies, ManagerOfTheParentIsRefusedInTheChild) {
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          std::error_code ec;
                          found.expect(!granted(locks_.try_acquire("other", {}, ec)), "granted");
                          found.expect(ec == Errc::forked, "acquire: " + ec.message());
                          locks_.register_backend("more", std::make_shared<MemoryBackend>(), ec);
                          found.expect(ec == Errc::forked, "register: " + ec.message());
                          (void)locks_.force_release("key", {}, ec);
                          found.expect(ec == Errc::forked, "force: " + ec.message());
                          found.expect(locks_.stats().acquired == 0, "counts of the parent");
                          return found.text();
                      }),
              "");
    expect_parent_works();
}

// Counts what comes of a lock for which it waits.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Listener
class Waiting final : public Listener {
  public:
    using Listener::Listener;
    WakeUp handed_over(const HandOff&) noexcept override {
        ++calls;
        return {};
    }
    WakeUp poll() noexcept override { return {}; }
    std::atomic<int> calls{0};
};

TEST_P(Copies, WaiterOfTheParentIsNotifiedAfterAChildDestroyedItsBackend) {
    const std::string token = "worker/" + std::string(32, '0');
    Waiting waiting{"key", token};
    // No manager has it, or the child would leave it alone with the manager.
    auto store = GetParam() == Kind::memory ? backend_ : make_backend();
    const auto is_queued = [&] {
        Operation operation{{.verb = Verb::acquire,
                             .key = "key",
                             .token = token,
                             .ttl = 1min,
                             .listener = &waiting,
                             .entry_life = 1min,
                             .submitted = boot_clock()->now()}};
        leaselock::detail::BlockingCall{operation}.run(*store, *boot_clock());
        return operation.reply.queued && operation.reply.told;
    };
    ASSERT_TRUE(poll_until(is_queued));
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          store->forget(waiting);
                          store.reset();
                          return std::string{};
                      }),
              "");
    EXPECT_EQ(lock_->release(ec_), ReleaseResult::released) << ec_.message();
    EXPECT_TRUE(poll_until([&] { return waiting.calls == 1; }));
    store->forget(waiting);
}

TEST(CopiedBackend, OfAUserIsNotCalledInTheChild) {
    const auto store = std::make_shared<UsersBackend>();
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          LockManager own;
                          own.register_backend("store", store);
                          std::error_code ec;
                          const auto lock = own.acquire("key", {.backend = "store"}, ec);
                          found.expect(!lock && ec == Errc::forked, "acquire: " + ec.message());
                          found.expect(store->calls == 0, "called");
                          return found.text();
                      }),
              "");
}

INSTANTIATE_TEST_SUITE_P(Stores, Copies, ::testing::Values(Kind::memory, Kind::files, Kind::redis),
                         [](const auto& store) { return name_of(store.param); });

}  // namespace
}  // namespace leaselock::support
