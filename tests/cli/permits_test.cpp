// Goal: `leaselock release --token` frees all permits that one acquire of a program has taken, and
// leaves those of others. Method: semaphores of this program, in files and on a real redis-server;
// the command as an operator runs it.
#include <cstdlib>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include <leaselock/distributed_semaphore.hpp>
#include <leaselock/file.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/redis.hpp>

#include "support/patient.hpp"
#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

// Its exit status; what it says is not looked at.
int release_by_token(const std::string& url, const ScopedDistributedLock& lock) {
    const std::string command = fmt::format("'{}' --url '{}' release --token '{}' '{}' >/dev/null",
                                            LEASELOCK_COMMAND, url, lock.owner_token(), lock.key());
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void expect_that_a_token_frees_its_permits(LockManager& locks, const std::string& url) {
    DistributedSemaphore downloads{locks, "downloads", 5};
    const auto three = downloads.try_acquire(3);
    const auto one = downloads.try_acquire();
    ASSERT_TRUE(three && one);
    EXPECT_EQ(release_by_token(url, *three), 0);
    EXPECT_EQ(locks.inspect("downloads").left(), 4);
    EXPECT_TRUE(downloads.try_acquire(4));
    EXPECT_EQ(release_by_token(url, *three), 1);
    EXPECT_EQ(release_by_token(url, *one), 0);
    EXPECT_FALSE(locks.inspect("downloads").held);
}

TEST(Permits, OfATokenAreAllFreedOnRedis) {
    const support::RedisServer server;
    LockManager locks = connect(support::patient(server.unix_url()));
    expect_that_a_token_frees_its_permits(locks, server.unix_url());
}

TEST(Permits, OfATokenAreAllFreedInFiles) {
    const support::TempDir directory;
    LockManager locks{{.backend = "files"}};
    locks.register_backend("files", make_file_backend({.directory = directory.file("locks")}));
    expect_that_a_token_frees_its_permits(locks, "file:" + directory.file("locks"));
}

}  // namespace
}  // namespace leaselock
