// Goal: where the kernel cannot wipe a page in a child, be it old, be it a sandbox that forbids it,
// or an emulator that says yes to whatever it is asked, a child is known by its process id; and a
// copy that nobody can know, as the restored image of a machine, parts from its original with the
// next block of random bits. Method: this program has a madvise() of its own, which the library
// calls. It does so once in a process, so each test is a child in which it was not called before.
#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <system_error>

#include <leaselock/copies.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/process_copy.hpp"

namespace {

constexpr int nonsense = -1;  // no advice that a kernel knows
std::atomic<int> answer{0};
std::atomic<int> answer_to_nonsense{0};
std::atomic<int> calls{0};

}  // namespace

extern "C" int madvise(void* /*memory*/, size_t /*bytes*/, int advice) noexcept {
    ++calls;
    const int result = advice == nonsense ? answer_to_nonsense : answer;
    if (result != 0) errno = EINVAL;
    return result;
}

namespace leaselock::support {
namespace {

// What a child finds of its parent's lock and manager, and of its own.
std::string faults(LockManager& locks, std::optional<ScopedDistributedLock>& lock) {
    Findings found;
    std::error_code ec;
    found.expect(!lock->owns_lock(), "held");
    found.expect(lock->release() == ReleaseResult::not_held, "released");
    found.expect(!granted(locks.try_acquire("other", {}, ec)), "granted");
    found.expect(ec == Errc::forked, "manager: " + ec.message());
    LockManager own{{.owner = "worker"}};
    const auto mine = own.try_acquire("key");
    found.expect(mine && mine->owns_lock(), "not acquired");
    found.expect(mine->owner_token() != lock->owner_token(), "the same token");
    return found.text();
}

std::string faults_of_children() {
    Findings found;
    LockManager locks{{.owner = "worker"}};
    std::optional<ScopedDistributedLock> lock = locks.acquire("key");
    found.expect(calls > 0, "nothing is shown");
    const auto child = [&] { return faults(locks, lock); };
    std::string all = in_copy(Copying::fork, child);
    all += in_copy(Copying::fork, [&] { return in_copy(Copying::fork, child); });
    found.expect(lock->owns_lock(), "not held any more");
    invalidate_copies();
    found.expect(!lock->owns_lock(), "held after invalidate_copies()");
    LockManager next;
    found.expect(granted(next.try_acquire("key")), "nothing works after invalidate_copies()");
    return all + found.text();
}

TEST(CopiesByPid, ChildIsKnownWhereNoPageCanBeWiped) {
    answer = answer_to_nonsense = -1;
    EXPECT_EQ(in_copy(Copying::fork, faults_of_children), "");
}

TEST(CopiesByPid, ChildIsKnownWhereTheSystemSaysYesToWhateverItIsAsked) {
    answer = answer_to_nonsense = 0;
    EXPECT_EQ(in_copy(Copying::fork, faults_of_children), "");
}

// It learns that the page will be wiped, which is not true: the child takes itself for its parent.
std::string compare_with_a_copy_that_nobody_knows() {
    constexpr std::size_t draws = 200;
    constexpr std::size_t of_one_block = 64;  // at most
    Findings found;
    LockManager locks{{.owner = "worker"}};
    found.expect(granted(locks.try_acquire("key")), "not acquired");
    found.expect(calls > 0, "nothing is shown");
    const auto draw = [&] {
        std::string tokens;
        for (std::size_t i = 0; i < draws; ++i) {
            const auto lock = locks.try_acquire("key");
            tokens += std::string(lock->owner_token()) + "\n";
        }
        return tokens;
    };
    const std::string theirs = in_copy(Copying::fork, draw);
    const std::string ours = draw();
    const std::size_t size = ours.find('\n') + 1;
    found.expect(theirs.size() == draws * size, theirs);
    found.expect(theirs.substr(0, size) == ours.substr(0, size), "the copy was known");
    for (std::size_t at = of_one_block * size; at < ours.size(); at += size) {
        const bool same = theirs.find(ours.substr(at, size)) != std::string::npos;
        found.expect(!same, "the same token");
    }
    return found.text();
}

TEST(CopiesByPid, CopyThatNobodyKnowsDrawsTokensOfItsOwnFromTheNextBlockOn) {
    answer = 0;
    answer_to_nonsense = -1;
    EXPECT_EQ(in_copy(Copying::fork, compare_with_a_copy_that_nobody_knows), "");
}

}  // namespace
}  // namespace leaselock::support
