// The file of one lock, opened once. Two processes, or two objects of this class, are in it one
// after the other: the one that is inside has its byte 0 locked.
//
// The content is a header and, somewhere after it, the state. A new state is written where the
// former is not, and the header then in one piece: so one that is killed in between leaves the
// former.
//
// Thread-safety: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "file/descriptor.hpp"
#include "file/directory.hpp"
#include "file/write_at.hpp"

namespace leaselock::file {

class LockFile {
  public:
    enum class Access { exists, create };

    LockFile() = default;
    LockFile(LockFile&& other) noexcept { swap(other); }
    LockFile& operator=(LockFile&& other) noexcept {
        swap(other);
        return *this;
    }
    LockFile(const LockFile&) = delete;
    LockFile& operator=(const LockFile&) = delete;
    ~LockFile() { close(); }

    // Not open if there is none, and it is not to be made. The directory outlives it. Throws
    // FileError.
    LockFile(const Directory& directory, std::string name, Access access);

    explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    // Leaves it, too.
    void close() noexcept;

    // Alone. False: somebody else is inside. Does not wait for more than some microseconds. Throws
    // FileError, `corrupt` for what is no regular file.
    [[nodiscard]] bool enter();
    // The file stays open, and may be entered again. False: it may not. Explicitly, since a child
    // that was forked meanwhile has the file open, too, and with it the lock.
    [[nodiscard]] bool leave() noexcept;
    // Inside: its name was taken away before, and it is nobody's lock any more.
    [[nodiscard]] bool is_removed() const noexcept { return is_removed_; }

    // Inside. load() comes before store(). Throws FileError: `corrupt`, or what it cannot do, and
    // has not done but for Family::unknown.
    struct State {
        std::string bytes{};  // empty: none
        // Whether it was written since this machine was started, by the boot id that the writer
        // saw: see boot.hpp.
        bool is_of_this_boot = true;
    };
    [[nodiscard]] State load();
    void store(std::string_view state);
    // Where only its owner may remove it, it stays without a state.
    void remove();

    // Whether the state was written by a process that sees another boot id.
    [[nodiscard]] bool is_of_another_boot() const;
    // Whether a process that is not inside has a lock of the kernel's on it. Throws FileError.
    [[nodiscard]] bool has_other_locks() const;
    // Of what is written for the request that is inside.
    [[nodiscard]] SizeLimit& limit() noexcept { return limit_; }
    // See file_system.hpp.
    [[nodiscard]] bool is_of_this_machine() const noexcept;

  private:
    struct Extent {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    [[nodiscard]] bool lock();
    void examine();
    void swap(LockFile& other) noexcept;
    void store_first(std::string_view state);

    const Directory* directory_ = nullptr;
    std::string name_{};
    Descriptor fd_;
    std::optional<FileId> id_{};  // since it was entered first
    bool is_inside_ = false;
    bool is_removed_ = false;
    bool is_empty_ = false;
    Extent current_{};
    SizeLimit limit_{};
};

}  // namespace leaselock::file
