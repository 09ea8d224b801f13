// Goal: a lock of files is never granted again because a process cannot tell which boot of the
// machine it lives in, or takes it for another: in a container with a boot id of its own, without
// /proc, out of descriptors. Method: children in a mount namespace of their own, which only root
// may make; elsewhere a line says that this was not seen.
#include <array>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <leaselock/file.hpp>
#include <leaselock/lock_manager.hpp>

#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

constexpr int was_granted = 0;
constexpr int contended = static_cast<int>(Family::contended);
constexpr int refused = static_cast<int>(Family::refused);
constexpr const char* boot_file = "/proc/sys/kernel/random/boot_id";

// What it returns, 255 if it throws, or 128 and the signal.
int in_child(const std::function<int()>& work) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        int result = 255;
        try {
            result = work();
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s\n", error.what());
        }
        ::_exit(result);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// What is mounted from now on is for this process alone.
bool leave_the_mounts() {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

bool may_mount() {
    static const bool may = in_child([] { return leave_the_mounts() ? 0 : 1; }) == 0;
    if (!may) std::puts("no root: nothing was seen of other boot ids and of no /proc");
    return may;
}

// Holds the key, as a process that nobody else is a copy of, as long as the object.
class Holder {
  public:
    explicit Holder(const std::function<LockManager()>& make) {
        std::array<int, 2> ready{};
        std::array<int, 2> end{};
        EXPECT_EQ(::pipe2(ready.data(), O_CLOEXEC), 0);
        EXPECT_EQ(::pipe2(end.data(), O_CLOEXEC), 0);
        std::fflush(nullptr);
        child_ = ::fork();
        if (child_ == 0) {
            ::close(end[1]);
            ::_exit(hold(make, ready[1], end[0]));
        }
        ::close(ready[1]);
        ::close(end[0]);
        end_ = end[1];
        char is_ready = 0;
        EXPECT_EQ(::read(ready[0], &is_ready, 1), 1);
        ::close(ready[0]);
    }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder() { EXPECT_EQ(release(), static_cast<int>(ReleaseResult::released)); }

    // What came of it.
    int release() {
        if (child_ > 0) {
            ::close(end_);
            EXPECT_EQ(::waitpid(child_, &status_, 0), child_);
            child_ = 0;
        }
        return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
    }

  private:
    static int hold(const std::function<LockManager()>& make, int ready, int end) {
        LockManager locks = make();
        auto lock = locks.acquire("key", {.ttl = 1h});
        char any = 0;
        if (!lock || ::write(ready, "x", 1) != 1 || ::read(end, &any, 1) != 0) return 253;
        return static_cast<int>(lock->release());
    }

    pid_t child_ = -1;
    int end_ = -1;
    int status_ = 0;
};

// The test's own process asks no boot id: all its children would have the answer from it.
class FileBoot : public ::testing::Test {
  protected:
    [[nodiscard]] LockManager make_manager() const {
        LockManager locks{{.prefix = "", .backend = "files"}};
        locks.register_backend("files", make_file_backend({.directory = home_.file("locks")}));
        return locks;
    }
    [[nodiscard]] static int status_of(const std::error_code& why) {
        return static_cast<int>(family(static_cast<Errc>(why.value())));
    }
    // As an exit status: 0, or the family of the error.
    [[nodiscard]] int acquire(LockOptions options = {.ttl = 1h}) const {
        LockManager locks = make_manager();
        std::error_code why;
        const auto lock = locks.acquire("key", options, why);
        return lock ? was_granted : status_of(why);
    }
    [[nodiscard]] bool with_another_boot_id() const {
        std::ofstream{home_.file("id")} << "01234567-89ab-cdef-0123-456789abcdef\n";
        return leave_the_mounts() &&
               ::mount(home_.file("id").c_str(), boot_file, nullptr, MS_BIND, nullptr) == 0;
    }

    support::TempDir home_;
};

TEST_F(FileBoot, HeldLockIsHeldForWhoSeesAnotherBootId) {
    if (!may_mount()) return;
    const Holder holder{[this] { return make_manager(); }};
    EXPECT_EQ(in_child([&] { return with_another_boot_id() ? acquire() : 254; }), contended);
    // It writes its place into the state, with the boot id that it sees, and ends; and so the
    // holder sees another one.
    EXPECT_EQ(
        in_child([&] { return with_another_boot_id() ? acquire({.wait_timeout = 100ms}) : 254; }),
        contended);
    EXPECT_EQ(in_child([&] { return acquire(); }), contended);
}

TEST_F(FileBoot, WhatAnEarlierBootLeftHoldsNothing) {
    if (!may_mount()) return;
    // Its process ends without a release, as all do when the machine does.
    EXPECT_EQ(in_child([&] {
                  if (!with_another_boot_id()) return 254;
                  LockManager locks = make_manager();
                  const auto lock = locks.acquire("key", {.ttl = 1h, .min_hold = 1h});
                  ::_exit(lock ? was_granted : 253);
              }),
              was_granted);
    EXPECT_EQ(in_child([&] { return acquire(); }), was_granted);
}

TEST_F(FileBoot, WhereNobodyTellsTheBootNothingIsGranted) {
    if (!may_mount()) return;
    const Holder holder{[this] { return make_manager(); }};
    EXPECT_EQ(in_child([&] {
                  const bool ready =
                      leave_the_mounts() && ::mount("proc", "/proc", "proc", 0, "subset=pid") == 0;
                  return ready ? acquire() : 254;
              }),
              refused);
    EXPECT_EQ(in_child([&] {
                  const bool ready = leave_the_mounts() && ::umount2("/proc", MNT_DETACH) == 0;
                  return ready ? acquire() : 254;
              }),
              refused);
}

TEST_F(FileBoot, WithoutDescriptorsNothingIsGrantedAndNothingRemembered) {
    const Holder holder{[this] { return make_manager(); }};
    for (std::size_t free = 0; free < 10; ++free) {
        SCOPED_TRACE(free);
        EXPECT_EQ(
            in_child([&] {
                LockManager locks = make_manager();
                const rlimit limit{128, 128};
                if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 254;
                std::vector<int> all;
                for (int fd; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) {
                    all.push_back(fd);
                }
                for (std::size_t i = 0; i < free; ++i) ::close(all[i]);
                std::error_code why;
                if (auto lock = locks.acquire("key", {.ttl = 1h}, why)) return was_granted;
                if (why != Errc::held && why != Errc::too_many_clients && why != Errc::no_thread) {
                    return why.value();
                }
                for (std::size_t i = free; i < all.size(); ++i) ::close(all[i]);
                if (auto lock = locks.acquire("key", {.ttl = 1h}, why)) return was_granted;
                return status_of(why);
            }),
            contended);
    }
}

}  // namespace
}  // namespace leaselock
