// Goal: in an image that was restored, which cannot know it, invalidate_copies() makes all that was
// made before a copy: nothing is held, renewed or released, waiting calls end, and what is made
// from then on works, as another holder. Method: a child that the test makes is the image: it makes
// all of its own, and says that it was restored. Its guards' leases are long, so that nothing ends
// by itself; another process looks at what is at the store.
#include <future>
#include <string>
#include <thread>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "fault/copies_fixture.hpp"

namespace leaselock::support {
namespace {

class InvalidatedCopies : public FreshStore {};

TEST_P(InvalidatedCopies, GuardHoldsNothingAndReleasesNothing) {
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          const auto store = make_backend();
                          LockManager before = manager_on(store);
                          auto lock = before.acquire("mine", {.ttl = 10min});
                          const std::stop_token lost = lock->lost();
                          const std::string token{lock->owner_token()};
                          found.expect(lock->owns_lock(), "not acquired");
                          invalidate_copies();
                          found.expect(!lock->owns_lock(), "held");
                          found.expect(lock->release() == ReleaseResult::not_held, "released");
                          lock.reset();
                          if (GetParam() == Kind::memory) return found.text();
                          Operation inspection{{.key = "mine", .submitted = boot_clock()->now()}};
                          const auto own = make_backend();
                          leaselock::detail::BlockingCall{inspection}.run(*own, *boot_clock());
                          found.expect(inspection.reply.holder == token,
                                       "the original's lock is gone");
                          return found.text();
                      }),
              "");
}

// Three renewals are due within this ttl.
TEST_P(InvalidatedCopies, LossIsToldAndNothingIsRenewed) {
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          LockManager before = manager_on(make_backend());
                          auto lock = before.acquire("mine", {.ttl = 600ms});
                          const std::stop_token lost = lock->lost();
                          invalidate_copies();
                          found.expect(poll_until([&] { return lost.stop_requested(); }), "kept");
                          if (GetParam() == Kind::memory) return found.text();
                          LockManager other = manager_on(make_backend());
                          found.expect(granted(other.acquire("mine", {.wait_timeout = 10s})),
                                       "renewed");
                          return found.text();
                      }),
              "");
}

TEST_P(InvalidatedCopies, ManagersAndBackendsAreRefusedAndNewOnesWork) {
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          std::error_code ec;
                          const auto store = make_backend();
                          LockManager before = manager_on(store);
                          auto lock = before.acquire("mine", {.ttl = 10min});
                          const std::string token{lock->owner_token()};
                          invalidate_copies();
                          found.expect(!granted(before.try_acquire("other", {}, ec)), "granted");
                          found.expect(ec == Errc::forked, "manager: " + ec.message());
                          LockManager wrong = manager_on(store);
                          found.expect(!granted(wrong.try_acquire("other", {}, ec)), "granted");
                          found.expect(ec == Errc::forked, "backend: " + ec.message());
                          LockManager own = manager_on(make_backend());
                          const bool got = granted(own.try_acquire("mine", {}, ec));
                          found.expect(got == (GetParam() == Kind::memory), "another holder");
                          const auto next = own.try_acquire("other", {}, ec);
                          found.expect(next && next->owns_lock(), "new one: " + ec.message());
                          invalidate_copies();
                          found.expect(!next->owns_lock(), "the second time");
                          return found.text();
                      }),
              "");
}

TEST_P(InvalidatedCopies, WaitingCallEndsWithForked) {
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          Findings found;
                          LockManager before = manager_on(make_backend());
                          const auto lock = before.acquire("mine", {.ttl = 10min});
                          auto waits = std::async(std::launch::async, [&] {
                              std::error_code ec;
                              const auto got = before.acquire("mine", {.wait_timeout = 1h}, ec);
                              return got ? std::error_code{} : ec;
                          });
                          found.expect(
                              poll_until([&] { return before.inspect("mine").waiting == 1; }),
                              "nobody waits");
                          invalidate_copies();
                          const std::error_code ec = waits.get();
                          found.expect(ec == Errc::forked, "the wait: " + ec.message());
                          return found.text();
                      }),
              "");
}

// Not for its guard, nor for a call that was under way.
TEST(InvalidatedBackend, OfAUserIsNotCalledAnyMore) {
    EXPECT_EQ(in_copy(Copying::fork,
                      [] {
                          Findings found;
                          const auto store = std::make_shared<UsersBackend>();
                          LockManager locks{{.backend = "store"}};
                          locks.register_backend("store", store);
                          auto lock = locks.acquire("key");
                          found.expect(lock && store->calls == 1, "not acquired");
                          store->on_call = invalidate_copies;
                          std::error_code ec;
                          const auto late = locks.acquire("other", {}, ec);
                          found.expect(!late && ec == Errc::forked, "granted: " + ec.message());
                          lock.reset();
                          found.expect(store->calls == 2, "called");
                          return found.text();
                      }),
              "");
}

INSTANTIATE_TEST_SUITE_P(Stores, InvalidatedCopies,
                         ::testing::Values(Kind::memory, Kind::files, Kind::redis),
                         [](const auto& store) { return name_of(store.param); });

}  // namespace
}  // namespace leaselock::support
