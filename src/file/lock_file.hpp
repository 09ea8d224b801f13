// The file of one lock, opened once. Two processes, or two objects of this class, are in it one
// after the other; and each may leave its mark on it, which goes when it is closed, by whomever:
//
//   byte 0           locked by who is inside
//   byte 1 + hash    locked, and shared, by who lives: of his token
//
// The content is a header and, somewhere behind it, the state. A new state is written where the
// former is not, and the header then in one piece: so who is killed in between leaves the former.
//
// Thread-safety: one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "file/descriptor.hpp"
#include "file/directory.hpp"

namespace leaselock::file {

class LockFile {
  public:
    enum class Access { read, write, create };

    LockFile() = default;
    // Not open if there is none, and it is not to be made. Throws FileError.
    LockFile(const Directory& directory, const std::string& name, Access access);

    explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    // By which the kernel knows this opening, whatever has become of the file's name.
    [[nodiscard]] std::array<char, 32> path() const noexcept;
    void close() noexcept { fd_.close(); }
    // The same file opened once more, to be read. Not open: it cannot be.
    [[nodiscard]] LockFile reopen() const noexcept;

    // Alone, or with others who only read. False: somebody else is inside. Does not wait for more
    // than some microseconds. Throws FileError.
    [[nodiscard]] bool enter();
    void leave() noexcept;
    // Somebody has unlinked it, and it is nobody's lock any more.
    [[nodiscard]] bool is_removed() const noexcept;

    // Inside. The state; empty: none, or one of an earlier boot. A state with another boot's name
    // is one of this boot if anybody has a mark on the file. load() comes before store().
    // Throws FileError: `corrupt`, or what it cannot do, and has not done but for Family::unknown;
    // `not_supported`: nobody can tell which boot the state is of.
    [[nodiscard]] std::string load();
    void store(std::string_view state);
    // Where only its owner may remove it, it stays without a state.
    void remove(const Directory& directory, const std::string& name);

    // Whether the state was written by a process that sees another boot id, and holds.
    [[nodiscard]] bool is_of_another_boot() const;

    // Who has this token lives, until the file is closed. Throws FileError.
    void mark_alive(std::string_view token);
    // Whether anybody has said so, but by this object.
    [[nodiscard]] bool is_alive(std::string_view token) const noexcept;
    // Tells those who wait without closing the file.
    void touch() const noexcept;

  private:
    struct Extent {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    explicit LockFile(int fd) noexcept : fd_{fd} {}
    [[nodiscard]] bool somebody_lives() const;

    Descriptor fd_;
    bool reads_ = false;
    bool marked_ = false;  // by this object, which the kernel does not tell us of
    Extent current_{};
};

// Leaves a file that was entered, however its scope is left.
class Inside {
  public:
    explicit Inside(LockFile& file) noexcept : file_{file} {}
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { file_.leave(); }

  private:
    LockFile& file_;
};

}  // namespace leaselock::file
