// The directory in which the files of locks are, and what they share: the last fencing token, so
// that nothing of a lock need be kept when its file goes.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include <leaselock/detail/lock_verbs.hpp>
#include <leaselock/finding.hpp>

#include "file/descriptor.hpp"

namespace leaselock::file {

class Directory {
  public:
    // Makes it if it is not there. `ours`: in a place where everybody may make directories, so
    // refuse one that somebody else has made, or may write to. Throws FileError.
    explicit Directory(std::string path, bool ours = false);
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory();

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    // The rights of files in it: whoever may not write there has none, since a lock of the kernel's
    // on a file that is only read holds up those who write.
    [[nodiscard]] mode_t file_mode() const noexcept { return file_mode_; }
    [[nodiscard]] bool is_removed() const noexcept;

    // An existing file, by any flags of open(2) for one. Not open: there is none. Never follows a
    // link, and never waits. Rights of others that are too wide are taken away if the file is ours.
    // Throws FileError, `corrupt` for what is no regular file.
    [[nodiscard]] Descriptor open_file(const std::string& name, int flags) const;
    // A new one, for reading and writing, with its rights before others can open it. Not open: the
    // name is taken. Throws FileError.
    [[nodiscard]] Descriptor make_file(const std::string& name) const;

    // Fencing tokens above all that any process has published here, and not below the wall clock's
    // microseconds: so they go on rising if the directory is lost with the machine's memory.
    [[nodiscard]] detail::Fences fences() const noexcept;
    void publish(std::uint64_t fence) noexcept;

    // The names in it that are those of locks, of files that we may read. Throws FileError.
    [[nodiscard]] std::vector<std::string> names() const;
    void examine(std::vector<Finding>& findings) const;

  private:
    void map_fence();
    [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + '/' + name; }
    [[nodiscard]] bool is_ours_alone() const noexcept { return (file_mode_ & 0077U) == 0; }
    [[nodiscard]] bool mend_own(const std::string& name) const noexcept;
    [[nodiscard]] Descriptor make_draft(const std::string& draft) const;
    void sweep(const std::string& draft) const noexcept;

    std::string path_;
    Descriptor fd_;
    mode_t file_mode_ = 0;
    bool gives_group_ = false;  // by itself to what is made in it
    gid_t group_ = 0;
    std::uint64_t* fence_ = nullptr;  // in memory of all processes
};

}  // namespace leaselock::file
