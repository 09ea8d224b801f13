#include "support/fenced_store.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace leaselock::support {

FencedStore::FencedStore(const std::string& path, FenceCheck fences)
    : path_{path},
      fences_{fences},
      fd_{::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)} {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path);
}

FencedStore::~FencedStore() { ::close(fd_); }

std::optional<FencedStore::Version> FencedStore::read(std::uint64_t fence) {
    const std::lock_guard lock{mutex_};
    if (!ask({.fence = fence})) return std::nullopt;
    return newest_;
}

bool FencedStore::write(Version read, std::uint64_t fence) {
    const std::lock_guard lock{mutex_};
    return ask({.fence = fence, .read = read, .is_write = 1});
}

// The set is what its last write was made from, and so on; what is not among these is lost.
FencedStore::Count FencedStore::count() {
    const std::lock_guard lock{mutex_};
    replay_to(static_cast<std::uint64_t>(::lseek(fd_, 0, SEEK_END)) / sizeof(Request));
    std::uint64_t entries = 0;
    for (Version each = newest_; each != 0; each = writes_.at(each)) ++entries;
    return {.admitted = writes_.size(), .lost = writes_.size() - entries, .refused = refused_};
}

// Appends the request, and looks what became of it at the place where it came to lie.
bool FencedStore::ask(const Request& request) {
    if (::write(fd_, &request, sizeof request) != sizeof request) {
        throw std::system_error(errno, std::generic_category(), path_);
    }
    replay_to(static_cast<std::uint64_t>(::lseek(fd_, 0, SEEK_CUR)) / sizeof(Request));
    return is_last_admitted_;
}

void FencedStore::replay_to(std::uint64_t requests) {
    Request request;
    while (replayed_ < requests) {
        const auto offset = static_cast<off_t>(replayed_ * sizeof request);
        if (::pread(fd_, &request, sizeof request, offset) != sizeof request) {
            throw std::system_error(errno, std::generic_category(), path_);
        }
        take(request);
    }
}

void FencedStore::take(const Request& request) {
    ++replayed_;
    is_last_admitted_ =
        fences_ == FenceCheck::off || (request.fence != 0 && request.fence >= highest_fence_);
    if (!is_last_admitted_) {
        ++refused_;
        return;
    }
    highest_fence_ = std::max(highest_fence_, request.fence);
    if (request.is_write == 0) return;
    newest_ = static_cast<Version>(replayed_);
    writes_.emplace(newest_, request.read);
}

}  // namespace leaselock::support
