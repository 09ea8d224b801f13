// A set of entries that locks are to protect, for any number of threads and processes: who adds one
// reads all of the set, and writes it back with its own. If another one wrote in between, that
// one's entry is lost, as it would be from a file or a row that is read, changed and written. The
// store counts how many were.
//
// With FenceCheck::on it is a resource as it should be: it remembers the highest fence that it was
// shown, and refuses lower ones, at the read already. (If only writes were checked, an old holder
// could still write between the read and the write of a young one, which would then undo it.)
//
// The store is a file to which requests are appended, one write each. Whether a request is
// admitted, and what a read sees, follows from its place in the file alone. So nobody holds a lock
// inside, and a process may be stopped or killed at any point.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace leaselock::support {

enum class FenceCheck { on, off };

class FencedStore {
  public:
    // The write whose set a read saw; 0: the empty set.
    using Version = std::uint32_t;

    struct Count {
        std::uint64_t admitted = 0;  // writes that were let in
        std::uint64_t lost = 0;      // of these, those whose entry is not in the set any more
        std::uint64_t refused = 0;   // reads and writes that were not
    };

    // Each process opens the same file for itself, with the same `fences`. Throws
    // std::system_error.
    FencedStore(const std::string& path, FenceCheck fences);
    FencedStore(const FencedStore&) = delete;
    FencedStore& operator=(const FencedStore&) = delete;
    ~FencedStore();

    // The set as it is; nothing: the fence was refused.
    [[nodiscard]] std::optional<Version> read(std::uint64_t fence);
    // Puts the set that was read there, and one entry more, in the place of what there is. Whether
    // it was admitted.
    [[nodiscard]] bool write(Version read, std::uint64_t fence);

    // Of all processes so far.
    [[nodiscard]] Count count();

  private:
    // A page of the file has a whole number of them, so a kill leaves none by halves.
    struct Request {
        std::uint64_t fence = 0;
        Version read = 0;
        std::uint32_t is_write = 0;
    };

    bool ask(const Request& request);
    void replay_to(std::uint64_t requests);
    void take(const Request& request);

    const std::string path_;
    const FenceCheck fences_;
    int fd_ = -1;
    std::mutex mutex_;  // guards the file's position, which is behind our last write, and the rest

    // What follows from the requests that were replayed.
    std::uint64_t replayed_ = 0;
    bool is_last_admitted_ = true;
    std::uint64_t highest_fence_ = 0;
    Version newest_ = 0;
    std::map<Version, Version> writes_;  // each that was admitted, and what it was made from
    std::uint64_t refused_ = 0;
};

}  // namespace leaselock::support
