// A process that has locks in a directory, or waits for some: in truth a backend object. It has a
// hidden FIFO of a random name there, on which it has a lock of the kernel's as long as it lives.
// Others see by that lock whether it lives, are notified of its end by a hang-up of the FIFO, and
// write into the FIFO what it has to know. A process that finds the lock free may remove the FIFO.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "file/descriptor.hpp"
#include "file/directory.hpp"
#include "file/failure.hpp"
#include "file/member_fifo.hpp"

namespace leaselock::file {

class Member {
  public:
    // Throws FileError.
    explicit Member(std::shared_ptr<const Directory> directory);
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    ~Member();

    [[nodiscard]] MemberId id() const noexcept { return id_; }
    // To be read, and never blocks.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    // Somebody has taken the name away, perhaps with the directory: nobody sees any more that it
    // lives.
    [[nodiscard]] bool is_removed() const noexcept { return file::is_removed(fd_); }

  private:
    [[nodiscard]] bool try_to_be_born();

    std::shared_ptr<const Directory> directory_;
    MemberId id_ = 0;
    Descriptor fd_;
};

// Written to a member as a whole, or not at all: then it costs time.
void send(const Directory& directory, MemberId to, std::string_view text) noexcept;

// Which members live, each looked at once.
//
// Thread-safety: one thread at a time.
class Census {
  public:
    // `self` lives.
    Census(const Directory& directory, MemberId self) noexcept
        : directory_{directory}, self_{self} {}

    // One that cannot be examined is taken for alive, and check() says why.
    [[nodiscard]] bool lives(MemberId member) noexcept;
    // Throws FileError if one could not be examined.
    void check() const;

    // One that lives, and hangs up when it does not any more. Not open: it is `self`, or not known.
    [[nodiscard]] Descriptor take(MemberId member) noexcept;

  private:
    struct Seen {
        MemberId id;
        bool lives;
        Descriptor fd;
    };

    [[nodiscard]] Seen look_at(MemberId member) const;

    const Directory& directory_;
    MemberId self_;
    std::vector<Seen> seen_;
    std::optional<FileError> trouble_;
};

}  // namespace leaselock::file
