#include "file/lock_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <leaselock/error.hpp>

#include "file/boot.hpp"
#include "file/failure.hpp"
#include "file/file_system.hpp"

namespace leaselock::file {
namespace {

constexpr std::array<char, 16> magic{'l', 'e', 'a', 's', 'e', 'l', 'o', 'c',
                                     'k', ' ', 'l', 'o', 'c', 'k', ' ', '2'};
struct Header {
    std::array<char, 16> magic{};
    BootId boot{};
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
};
// Within one page with the header, as long as it is small.
constexpr std::uint64_t first_offset = 128;
constexpr std::uint64_t largest = 64U << 20U;
static_assert(sizeof(Header) <= first_offset);
using Page = std::array<char, 4096>;

struct flock range(short type, off_t start, off_t size) noexcept {
    struct flock what {};
    what.l_type = type;
    what.l_whence = SEEK_SET;
    what.l_start = start;
    what.l_len = size;
    return what;
}

bool is_empty(const Header& header) noexcept {
    return header.magic == std::array<char, 16>{} && header.size == 0;
}

void check(const Header& header, std::size_t got) {
    if (got >= sizeof header && header.magic == magic && header.size <= largest &&
        header.offset >= first_offset && header.offset <= 4 * largest) {
        return;
    }
    throw FileError(Errc::corrupt, "the file is none of a lock");
}

}  // namespace

LockFile::LockFile(const Directory& directory, std::string name, Access access)
    : directory_{&directory},
      name_{std::move(name)},
      fd_{access == Access::create ? directory.open_or_make_file(name_)
                                   : directory.open_file(name_, O_RDWR)} {}

void LockFile::swap(LockFile& other) noexcept {
    std::swap(directory_, other.directory_);
    name_.swap(other.name_);
    std::swap(fd_, other.fd_);
    std::swap(id_, other.id_);
    std::swap(is_inside_, other.is_inside_);
    std::swap(is_removed_, other.is_removed_);
    std::swap(is_empty_, other.is_empty_);
    std::swap(current_, other.current_);
    std::swap(limit_, other.limit_);
}

// A process that is held up by a lock on a file without a name opens another one.
void LockFile::close() noexcept {
    if (is_inside_ && !is_removed_) (void)leave();
    fd_.close();
    is_inside_ = false;
}

bool LockFile::enter() {
    is_inside_ = lock();
    examine();
    return is_inside_;
}

bool LockFile::leave() noexcept {
    const struct flock inside = range(F_UNLCK, 0, 1);
    is_inside_ = false;
    limit_ = {};
    return ::fcntl(fd_.get(), F_OFD_SETLK, &inside) == 0;
}

// It is unlinked from inside alone, so what is seen from inside stays so. A file that was open all
// the time may have lost its name to another, if it was moved.
void LockFile::examine() {
    struct statx found {};
    if (!id_) {
        found = directory_->look_at_file(fd_, name_);
        id_ = FileId::of(found);
        is_removed_ = found.stx_nlink == 0;
    } else {
        is_removed_ = !directory_->look_at_name(name_, found) || *id_ != FileId::of(found);
    }
    is_empty_ = found.stx_size == 0;
}

bool LockFile::lock() {
    constexpr int tries = 4;  // as long as somebody is inside, as a rule
    const struct flock inside = range(F_WRLCK, 0, 1);
    for (int i = 0; i < tries; ++i) {
        if (::fcntl(fd_.get(), F_OFD_SETLK, &inside) == 0) return true;
        if (errno != EAGAIN && errno != EACCES) raise("cannot lock it");
    }
    return false;
}

LockFile::State LockFile::load() {
    current_ = {};
    if (is_empty_) return {};
    Page page;
    const ssize_t size = ::pread(fd_.get(), page.data(), page.size(), 0);
    if (size < 0) raise("cannot read it");
    const auto got = static_cast<std::size_t>(size);
    Header header;
    std::memcpy(&header, page.data(), std::min(got, sizeof header));
    // Left by a process that was killed before the first header.
    if (is_empty(header)) return {};
    check(header, got);
    current_ = {header.offset, header.size};
    State state{std::string(header.size, '\0'), header.boot == boot_id()};
    if (header.offset + header.size <= got) {
        std::memcpy(state.bytes.data(), page.data() + header.offset, header.size);
        return state;
    }
    const ssize_t rest = ::pread(fd_.get(), state.bytes.data(), state.bytes.size(),
                                 static_cast<off_t>(header.offset));
    if (rest < 0) raise("cannot read it");
    if (static_cast<std::uint64_t>(rest) != header.size) {
        throw FileError(Errc::corrupt, "the lock's file was cut off");
    }
    return state;
}

bool LockFile::is_of_another_boot() const {
    Header header;
    return ::pread(fd_.get(), &header, sizeof header, 0) == sizeof header &&
           header.magic == magic && header.size > 0 && header.boot != boot_id();
}

// Nothing is there that could be lost, and within a page the kernel writes all or nothing.
void LockFile::store_first(std::string_view state) {
    Page page;
    std::memset(page.data(), 0, first_offset);
    const Header header{magic, boot_id(), first_offset, state.size()};
    std::memcpy(page.data(), &header, sizeof header);
    std::memcpy(page.data() + first_offset, state.data(), state.size());
    const std::size_t size = first_offset + state.size();
    if (!wrote_at(fd_, {page.data(), size}, 0, limit_)) raise("cannot write it");
    current_ = {first_offset, state.size()};
}

void LockFile::store(std::string_view state) {
    is_empty_ = false;
    if (current_.size == 0 && first_offset + state.size() <= sizeof(Page)) {
        return store_first(state);
    }
    const bool fits_before = first_offset + state.size() <= current_.offset;
    const Extent next{
        current_.size == 0 || fits_before ? first_offset : current_.offset + current_.size,
        state.size()};
    const Header header{magic, boot_id(), next.offset, next.size};
    if (!wrote_at(fd_, state, static_cast<off_t>(next.offset), limit_)) raise("cannot write it");
    const ssize_t head = ::pwrite(fd_.get(), &header, sizeof header, 0);
    if (head < 0 && errno == ENOSPC) raise("cannot write it");
    if (head != sizeof header) {
        throw FileError(Errc::unexpected_reply, "the lock's file may have been written, or not");
    }
    current_ = next;
}

void LockFile::remove() {
    is_removed_ = ::unlinkat(directory_->fd(), name_.c_str(), 0) == 0 || errno == ENOENT;
    if (is_removed_) return;
    const bool is_of_others = errno == EPERM || errno == EACCES;
    if (!is_of_others) raise("cannot remove", directory_->path() + "/" + name_);
    // In a directory with the sticky bit: it stays, and says that nobody holds the lock.
    store({});
}

bool LockFile::has_other_locks() const {
    struct flock any = range(F_WRLCK, 0, 0);
    if (::fcntl(fd_.get(), F_OFD_GETLK, &any) != 0) raise("cannot lock it");
    return any.l_type != F_UNLCK;
}

bool LockFile::is_of_this_machine() const noexcept { return is_local(fd_); }

}  // namespace leaselock::file
