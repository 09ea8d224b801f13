// Goal: users who share a lock directory by its group are never refused by chance, since a file has
// its rights before it has its name; and what root has made in a user's own directory is used as if
// the user had made it. Method: root and another user take the same locks, in processes of their
// own, as fast as they can or one after the other. Without the right to become another user all are
// the same one, and a line says so.
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <gtest/gtest.h>
#include <iostream>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>

#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

constexpr uid_t other_user = 65534;

class FileUsers : public ::testing::Test {
  protected:
    FileUsers() {
        std::filesystem::permissions(home_.path(), std::filesystem::perms{0711});
        std::filesystem::create_directory(locks_);
        if (::geteuid() == 0) {
            EXPECT_EQ(::chown(locks_.c_str(), 0, other_user), 0);
        } else {
            std::cout << "not root: another user was not looked at\n";
        }
        std::filesystem::permissions(locks_, std::filesystem::perms{02770});
    }

    // How many requests of a user failed, of those who hammer for a while.
    [[nodiscard]] int hammer() const {
        LockManager locks{{.prefix = "", .backend = "files"}};
        locks.register_backend("files", make_file_backend({.directory = locks_}));
        int failed = 0;
        for (int i = 0; i < 2000; ++i) {
            std::error_code ec;
            auto lock = locks.acquire("key" + std::to_string(i % 2), {.ttl = 1min}, ec);
            if (!lock && ec != Family::contended) ++failed;
            if (lock && lock->release(ec) != ReleaseResult::released) ++failed;
        }
        return failed;
    }
    // A process with the other user's rights, or with ours; it ends with how many failed, at
    // most 100. Before it there are no threads.
    [[nodiscard]] pid_t start(bool as_other) const {
        const pid_t pid = ::fork();
        if (pid != 0) return pid;
        ::umask(077);
        const bool becomes = as_other && ::geteuid() == 0;
        if (becomes && (::setgroups(0, nullptr) != 0 || ::setgid(other_user) != 0 ||
                        ::setuid(other_user) != 0)) {
            ::_exit(101);
        }
        ::_exit(std::min(hammer(), 100));
    }

    support::TempDir home_;
    std::string locks_ = home_.file("locks");
};

TEST_F(FileUsers, UseInTheirOwnDirectoryWhatAnotherHasMade) {
    std::filesystem::permissions(locks_, std::filesystem::perms{0700});
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(locks_.c_str(), other_user, other_user), 0);
    }
    for (const char* name : {"key0", "key1"}) {
        const std::string file = locks_ + '/' + name;
        { const std::ofstream made{file}; }
        std::filesystem::permissions(file, std::filesystem::perms{0666});
    }
    int status = 0;
    const pid_t pid = start(true);
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(FileUsers, AreNeverRefusedByChance) {
    std::vector<pid_t> all;
    for (int i = 0; i < 4; ++i) all.push_back(start(i % 2 == 1));
    for (const pid_t pid : all) {
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        EXPECT_TRUE(WIFEXITED(status)) << status;
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    // What is made on the way is not left either.
    for (const auto& each : std::filesystem::directory_iterator{locks_}) {
        EXPECT_EQ(each.path().filename(), ".fence");
    }
}

}  // namespace
}  // namespace leaselock
