#include "file/member.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <leaselock/error.hpp>

namespace leaselock::file {
namespace {

MemberId random_id() {
    MemberId id = 0;
    if (::getrandom(&id, sizeof id, 0) != sizeof id) raise("cannot get", "random bits");
    return id | 1U;
}

}  // namespace

Member::Member(std::shared_ptr<const Directory> directory) : directory_{std::move(directory)} {
    while (!try_to_be_born()) {
    }
}

// No other process knows the name yet; but a sweep may find it without its lock, and remove it.
bool Member::try_to_be_born() {
    id_ = random_id();
    const std::string name = fifo_of(id_);
    if (!directory_->make_fifo(name)) {
        if (errno == EEXIST || errno == ENOENT) return false;
        raise("cannot make a file in", directory_->path());
    }
    fd_ = open_fifo(directory_->fd(), name, O_RDWR);
    if (!fd_ && errno == ENOENT) return false;
    if (!fd_) raise("cannot open a file in", directory_->path());
    if (take_life(fd_)) return !is_removed();
    if (errno != EAGAIN && errno != EACCES) raise("cannot lock a file in", directory_->path());
    return false;
}

Member::~Member() {
    if (!is_removed()) ::unlinkat(directory_->fd(), fifo_of(id_).c_str(), 0);
}

// For reading, too, since to write into a FIFO without a reader ends the process.
void send(const Directory& directory, MemberId to, std::string_view text) noexcept {
    try {
        const Descriptor fifo = open_fifo(directory.fd(), fifo_of(to), O_RDWR);
        if (fifo) (void)!::write(fifo.get(), text.data(), text.size());
    } catch (const std::bad_alloc&) {
        return;
    }
}

Census::Seen Census::look_at(MemberId member) const {
    Descriptor fd = open_fifo(directory_.fd(), fifo_of(member), O_RDONLY);
    if (!fd && errno == ENOENT) return {member, false, {}};
    if (!fd) raise("cannot open a file in", directory_.path());
    struct flock whole = life();
    if (::fcntl(fd.get(), F_OFD_GETLK, &whole) != 0) {
        raise("cannot look at a lock in", directory_.path());
    }
    return {member, whole.l_type != F_UNLCK, std::move(fd)};
}

bool Census::lives(MemberId member) noexcept {
    if (member == self_ || member == 0) return true;
    try {
        const auto known = std::ranges::find(seen_, member, &Seen::id);
        if (known != seen_.end()) return known->lives;
        return seen_.emplace_back(look_at(member)).lives;
    } catch (const FileError& error) {
        trouble_ = error;
    } catch (const std::bad_alloc&) {
        trouble_.emplace(Errc::out_of_memory, "");
    }
    return true;
}

void Census::check() const {
    if (trouble_) throw FileError(*trouble_);
}

Descriptor Census::take(MemberId member) noexcept {
    const auto known = std::ranges::find(seen_, member, &Seen::id);
    return known == seen_.end() ? Descriptor{} : std::move(known->fd);
}

}  // namespace leaselock::file
