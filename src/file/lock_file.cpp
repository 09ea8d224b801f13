#include "file/lock_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <leaselock/error.hpp>

#include "file/boot.hpp"
#include "file/failure.hpp"
#include "file/file_system.hpp"
#include "file/names.hpp"
#include "file/write_at.hpp"

namespace leaselock::file {
namespace {

constexpr std::array<char, 16> magic{'l', 'e', 'a', 's', 'e', 'l', 'o', 'c',
                                     'k', ' ', 'l', 'o', 'c', 'k', ' ', '1'};
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

struct flock range(short type, off_t start, off_t size = 1) noexcept {
    struct flock what {};
    what.l_type = type;
    what.l_whence = SEEK_SET;
    what.l_start = start;
    what.l_len = size;
    return what;
}

off_t byte_of(std::string_view token) noexcept {
    return 1 + static_cast<off_t>(hash_of(token) >> 2U);
}

}  // namespace

LockFile::LockFile(const Directory& directory, const std::string& name, Access access)
    : reads_{access == Access::read} {
    fd_ = access == Access::create ? directory.open_or_make_file(name)
                                   : directory.open_file(name, reads_ ? O_RDONLY : O_RDWR);
}

std::array<char, 32> LockFile::path() const noexcept {
    constexpr std::string_view directory = "/proc/self/fd/";
    std::array<char, 32> text{};
    char* const number = std::ranges::copy(directory, text.begin()).out;
    std::to_chars(number, text.end() - 1, fd_.get());
    return text;
}

LockFile LockFile::reopen() const noexcept {
    LockFile copy{::open(path().data(), O_RDONLY | O_CLOEXEC)};
    copy.reads_ = true;
    return copy;
}

bool LockFile::enter() {
    constexpr int tries = 16;  // as long as somebody is inside, as a rule
    struct flock inside = range(reads_ ? F_RDLCK : F_WRLCK, 0);
    for (int i = 0; i < tries; ++i) {
        if (::fcntl(fd_.get(), F_OFD_SETLK, &inside) == 0) return true;
        if (errno != EAGAIN && errno != EACCES) raise("cannot lock it");
    }
    return false;
}

void LockFile::leave() noexcept {
    struct flock inside = range(F_UNLCK, 0);
    ::fcntl(fd_.get(), F_OFD_SETLK, &inside);
}

bool LockFile::is_removed() const noexcept { return file::is_removed(fd_); }

std::string LockFile::load() {
    Header header;
    const ssize_t got = ::pread(fd_.get(), &header, sizeof header, 0);
    if (got < 0) raise("cannot read it");
    current_ = {};
    // Empty, or left by who was killed before his first header.
    if (got == 0 || (header.magic == std::array<char, 16>{} && header.size == 0)) return {};
    if (got != sizeof header || header.magic != magic || header.size > largest ||
        header.offset < first_offset || header.offset > 4 * largest) {
        throw FileError(Errc::corrupt, "the file is none of a lock");
    }
    current_ = {header.offset, header.size};
    if (header.boot != boot_id() && !somebody_lives()) {
        if (is_local(fd_)) return {};
        throw FileError(Errc::not_supported,
                        "the lock's file is of another boot, and on a file system that may be "
                        "another machine's");
    }
    std::string state(header.size, '\0');
    const ssize_t size =
        ::pread(fd_.get(), state.data(), state.size(), static_cast<off_t>(header.offset));
    if (size < 0) raise("cannot read it");
    if (static_cast<std::uint64_t>(size) != header.size) {
        throw FileError(Errc::corrupt, "the lock's file was cut off");
    }
    return state;
}

bool LockFile::is_of_another_boot() const {
    Header header;
    return ::pread(fd_.get(), &header, sizeof header, 0) == sizeof header &&
           header.magic == magic && header.size > 0 && header.boot != boot_id() && somebody_lives();
}

void LockFile::store(std::string_view state) {
    const bool fits_before = first_offset + state.size() <= current_.offset;
    const Extent next{
        current_.size == 0 || fits_before ? first_offset : current_.offset + current_.size,
        state.size()};
    if (!wrote_at(fd_, state, static_cast<off_t>(next.offset))) raise("cannot write it");
    Header header{.magic = magic, .boot = boot_id()};
    header.offset = next.offset;
    header.size = next.size;
    const ssize_t head = ::pwrite(fd_.get(), &header, sizeof header, 0);
    if (head < 0 && errno == ENOSPC) raise("cannot write it");
    if (head != sizeof header) {
        throw FileError(Errc::unexpected_reply, "the lock's file may have been written, or not");
    }
    current_ = next;
}

void LockFile::remove(const Directory& directory, const std::string& name) {
    if (::unlinkat(directory.fd(), name.c_str(), 0) == 0 || errno == ENOENT) return;
    const bool is_of_others = errno == EPERM || errno == EACCES;
    if (!is_of_others) raise("cannot remove", directory.path() + "/" + name);
    // In a directory with the sticky bit: it stays, and says that nobody holds the lock.
    store({});
}

void LockFile::mark_alive(std::string_view token) {
    struct flock alive = range(F_RDLCK, byte_of(token));
    if (::fcntl(fd_.get(), F_OFD_SETLK, &alive) != 0) raise("cannot lock it");
    marked_ = true;
}

bool LockFile::is_alive(std::string_view token) const noexcept {
    struct flock alive = range(F_WRLCK, byte_of(token));
    return ::fcntl(fd_.get(), F_OFD_GETLK, &alive) != 0 || alive.l_type != F_UNLCK;
}

// Then whoever wrote it did so since this kernel was started, whatever it takes for the boot's
// name.
bool LockFile::somebody_lives() const {
    struct flock any = range(F_WRLCK, 1, 0);
    if (::fcntl(fd_.get(), F_OFD_GETLK, &any) != 0) raise("cannot lock it");
    return any.l_type != F_UNLCK || marked_;
}

void LockFile::touch() const noexcept { ::futimens(fd_.get(), nullptr); }

}  // namespace leaselock::file
