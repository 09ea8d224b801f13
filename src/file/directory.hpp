// The directory in which the files of locks are, and what they share: rights, and how one is
// opened.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/types.h>
#include <vector>

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
    ~Directory() = default;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    // The rights of files in it: a user that may not write there has none, since a lock of the
    // kernel's on a file that is only read holds up those that write.
    [[nodiscard]] mode_t file_mode() const noexcept { return file_mode_; }
    [[nodiscard]] bool is_removed() const noexcept;

    // An existing file, by any flags of open(2) for one. Not open: there is none. Never follows a
    // link, and never waits. Has to be looked at before it is read or written. Throws FileError.
    [[nodiscard]] Descriptor open_file(const std::string& name, int flags) const;
    // What was opened by that name. Rights of others that are too wide are taken away if the file
    // is ours. Throws FileError, `corrupt` for what is no regular file.
    struct statx look_at_file(const Descriptor& file, const std::string& name) const;
    // What has that name, without following a link. False: nothing has. Throws FileError.
    [[nodiscard]] bool look_at_name(const std::string& name, struct statx& found) const;
    // For reading and writing; a new one has its rights, and the content, before others can open
    // it. An existing one has to be looked at. Throws FileError.
    [[nodiscard]] Descriptor open_or_make_file(const std::string& name,
                                               std::string_view content = {}) const;

    // A new FIFO has the rights of a file from now on. Not before it had its name: it is opened
    // only by those that were given that. False: errno says why.
    [[nodiscard]] bool make_fifo(const std::string& name) const noexcept;

    // The names in it that are those of locks, of files that we may read. Throws FileError.
    [[nodiscard]] std::vector<std::string> names() const;
    void examine(std::vector<Finding>& findings) const;

  private:
    [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + '/' + name; }
    [[nodiscard]] bool is_of_one_user() const noexcept { return (file_mode_ & 0077U) == 0; }
    [[nodiscard]] bool needs_group() const noexcept;
    [[nodiscard]] bool mend_own(const std::string& name) const noexcept;
    [[nodiscard]] Descriptor try_to_open(const std::string& name, int flags) const noexcept;
    void check_kind(mode_t mode, const std::string& name) const;
    [[nodiscard]] Descriptor make_file(const std::string& name, std::string_view content) const;
    [[nodiscard]] Descriptor make_draft(const std::string& draft, std::string_view content) const;
    void sweep(const std::string& draft) const noexcept;

    std::string path_;
    Descriptor fd_;
    mode_t file_mode_ = 0;
    bool is_ours_alone_ = false;
    bool gives_group_ = false;  // by itself to what is made in it
    uid_t owner_ = 0;
    gid_t group_ = 0;
};

}  // namespace leaselock::file
