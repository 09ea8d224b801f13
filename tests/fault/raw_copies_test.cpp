// Goal: a copy of the process that runs no handlers of pthread_atfork, as sandboxes and some
// runtimes make one, is known to be one: it holds nothing of what its original holds, draws owner
// tokens of its own, and two copies never hold one lock. Method: copies by _Fork and by the bare
// system call, on each kind of store; all call themselves the same. Not beside sanitizers.
#include <set>
#include <sstream>
#include <string>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "fault/copies_fixture.hpp"

namespace leaselock::support {
namespace {

class RawCopies : public CopiedStore {};

constexpr std::array raw{Copying::bare_fork, Copying::system_call};

// Of memory the child has a store of its own.
TEST_P(RawCopies, ChildWithABackendOfItsOwnIsAnotherHolder) {
    EXPECT_EQ(in_copy(Copying::fork,
                      [&] {
                          const auto own = make_backend();
                          Operation inspection{{.key = "key", .submitted = boot_clock()->now()}};
                          leaselock::detail::BlockingCall{inspection}.run(*own, *boot_clock());
                          return inspection.reply.holder;
                      }),
              GetParam() == Kind::memory ? "" : lock_->owner_token());
    EXPECT_TRUE(lock_->owns_lock());
    EXPECT_EQ(lock_->release(), ReleaseResult::released);
}

TEST_P(RawCopies, GuardOfTheOriginalHoldsNothingInACopy) {
    for (const Copying how : raw) {
        EXPECT_EQ(in_copy(how,
                          [&] {
                              Findings found;
                              std::error_code ec;
                              found.expect(!lock_->owns_lock(), "held");
                              found.expect(lock_->remaining() == 0ms, "time is left");
                              found.expect(lock_->lost().stop_requested(), "not lost");
                              lock_->extend(1h, ec);
                              found.expect(ec == Errc::lost, "extended");
                              found.expect(lock_->release() == ReleaseResult::not_held, "released");
                              lock_.reset();
                              return found.text();
                          }),
                  "");
    }
    EXPECT_TRUE(lock_->owns_lock());
    EXPECT_EQ(lock_->release(ec_), ReleaseResult::released) << ec_.message();
}

TEST_P(RawCopies, BackendAndManagerOfTheOriginalAreRefusedInACopy) {
    for (const Copying how : raw) {
        EXPECT_EQ(in_copy(how,
                          [&] {
                              Findings found;
                              std::error_code ec;
                              LockManager own = manager_on(backend_);
                              found.expect(!granted(own.try_acquire("other", {}, ec)), "granted");
                              found.expect(ec == Errc::forked, "backend: " + ec.message());
                              found.expect(!granted(locks_.try_acquire("other", {}, ec)),
                                           "granted");
                              found.expect(ec == Errc::forked, "manager: " + ec.message());
                              locks_ = LockManager{};
                              backend_.reset();
                              return found.text();
                          }),
                  "");
    }
    EXPECT_EQ(lock_->release(ec_), ReleaseResult::released) << ec_.message();
}

// The generator is in the midst of a block when the copies are made.
TEST_P(RawCopies, NoTwoCopiesDrawTheSameOwnerToken) {
    constexpr std::size_t draws = 200;  // several blocks
    const auto draw = [&] {
        LockManager own = manager_on(make_backend());
        std::string tokens;
        for (std::size_t i = 0; i < draws; ++i) {
            const auto lock = own.try_acquire("other");
            if (lock) tokens += std::string(lock->owner_token()) + " ";
        }
        return tokens;
    };
    std::string tokens{lock_->owner_token()};
    tokens += " ";
    for (const Copying how : raw) tokens += in_copy(how, draw);
    tokens += draw();
    std::istringstream words{tokens};
    std::set<std::string> all;
    std::size_t count = 0;
    for (std::string token; words >> token; ++count) all.insert(token);
    EXPECT_EQ(count, 1 + draws * (raw.size() + 1));
    EXPECT_EQ(all.size(), count);
}

TEST_P(RawCopies, CopyIsAnotherHolder) {
    for (const Copying how : raw) {
        // Of memory the copy has a store of its own.
        EXPECT_EQ(in_copy(how,
                          [&] {
                              LockManager own = manager_on(make_backend());
                              std::error_code ec;
                              return granted(own.try_acquire("key", {}, ec)) ? "granted"
                                                                             : ec.message();
                          }),
                  GetParam() == Kind::memory ? "granted" : make_error_code(Errc::held).message());
    }
    EXPECT_EQ(lock_->release(ec_), ReleaseResult::released) << ec_.message();
}

INSTANTIATE_TEST_SUITE_P(Stores, RawCopies,
                         ::testing::Values(Kind::memory, Kind::files, Kind::redis),
                         [](const auto& store) { return name_of(store.param); });

}  // namespace
}  // namespace leaselock::support
