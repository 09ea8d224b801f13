#include "file/directory.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <memory>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

#include <leaselock/error.hpp>
#include <leaselock/file.hpp>

#include "file/failure.hpp"
#include "file/names.hpp"

namespace leaselock {

std::string default_lock_directory() {
    const bool run_lock = ::access("/run/lock", W_OK | X_OK) == 0;
    return fmt::format("{}/leaselock-{}", run_lock ? "/run/lock" : "/tmp", ::geteuid());
}

namespace file {
namespace {

constexpr const char* fence_name = ".fence";
// Several bytes behind the token: who makes the file writes there, not where others may be already.
constexpr off_t fence_file_size = 16;

Descriptor open_directory(const std::string& path, bool ours) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        raise("cannot make the lock directory", path);
    }
    const int follows = ours ? O_NOFOLLOW : 0;
    Descriptor fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | follows)};
    if (!fd) raise("cannot open the lock directory", path);
    return fd;
}

void check_owner(const std::string& path, const struct stat& found) {
    if (found.st_uid == ::geteuid() && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0) return;
    throw FileError(Errc::access_denied,
                    fmt::format("lock directory '{}' belongs to user {} and has mode {:o}, allowed "
                                "is one of user {} that nobody else may write to",
                                path, found.st_uid, found.st_mode & 07777U, ::geteuid()));
}

struct Close {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

Directory::Directory(std::string path, bool ours)
    : path_{std::move(path)}, fd_{open_directory(path_, ours)} {
    struct stat found {};
    if (::fstat(fd_.get(), &found) != 0) raise("cannot look at the lock directory", path_);
    if (ours) check_owner(path_, found);
    file_mode_ = found.st_mode & 0666U;
    map_fence();
}

Directory::~Directory() {
    if (fence_ != nullptr) ::munmap(fence_, sizeof *fence_);
}

void Directory::map_fence() {
    const Descriptor file{
        ::openat(fd_.get(), fence_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, file_mode_)};
    if (!file) raise("cannot open", path_ + "/" + fence_name);
    struct stat found {};
    const std::uint64_t none = 0;
    // Written, so that the memory is there.
    if (::fstat(file.get(), &found) != 0 ||
        (found.st_size < fence_file_size &&
         (::pwrite(file.get(), &none, sizeof none, sizeof none) < 0 ||
          (found.st_uid == ::geteuid() && ::fchmod(file.get(), file_mode_) != 0)))) {
        raise("cannot write", path_ + "/" + fence_name);
    }
    void* const memory =
        ::mmap(nullptr, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (memory == MAP_FAILED) raise("cannot map", path_ + "/" + fence_name);
    fence_ = static_cast<std::uint64_t*>(memory);
}

bool Directory::is_removed() const noexcept { return file::is_removed(fd_); }

detail::Fences Directory::fences() const noexcept {
    const auto wall = std::chrono::system_clock::now().time_since_epoch();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(wall).count();
    return {.last = std::atomic_ref{*fence_}.load(),
            .at_least = static_cast<std::uint64_t>(std::max<std::int64_t>(us, 0))};
}

void Directory::publish(std::uint64_t fence) noexcept {
    const std::atomic_ref shared{*fence_};
    std::uint64_t last = shared.load();
    while (last < fence && !shared.compare_exchange_weak(last, fence)) {
    }
}

std::vector<std::string> Directory::names() const {
    const int copy = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) raise("cannot open the lock directory", path_);
    const std::unique_ptr<DIR, Close> all{::fdopendir(copy)};
    if (all == nullptr) raise("cannot read the lock directory", path_);
    std::vector<std::string> names;
    while (const dirent* const each = ::readdir(all.get())) {
        if (is_of_lock(each->d_name)) names.emplace_back(each->d_name);
    }
    return names;
}

void Directory::examine(std::vector<Finding>& findings) const {
    struct statfs system {};
    if (::fstatfs(fd_.get(), &system) != 0) raise("cannot look at the lock directory", path_);
    constexpr std::array<std::uint32_t, 7> remote{
        NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC, CIFS_SUPER_MAGIC,
        CEPH_SUPER_MAGIC, V9FS_MAGIC,      FUSE_SUPER_MAGIC};
    if (std::ranges::find(remote, static_cast<std::uint32_t>(system.f_type)) != remote.end()) {
        findings.push_back({.subject = "directory",
                            .found = fmt::format("{} is on a file system of other machines", path_),
                            .advice = "use a directory of this machine, or Redis for several"});
    }
    struct stat found {};
    if (::fstat(fd_.get(), &found) == 0 && (found.st_mode & S_IWOTH) != 0) {
        findings.push_back({.severity = Finding::Severity::hint,
                            .subject = "directory",
                            .found = fmt::format("everybody may write to {}", path_),
                            .advice = "leave it to a group: anybody can free these locks"});
    }
}

}  // namespace file
}  // namespace leaselock
