// The last fencing token of a directory, so that nothing of a lock need be kept when its file goes.
//
// A token is the microseconds since the machine's boot, which never go back, and what the file adds
// to them: so those of one key rise without any process having to wait for another that stands
// still inside the file. The file is
//
//   last   8 bytes    a token that was given, and before which a boot may not begin
//   base   8 bytes    what is added since this boot; it never falls
//
// A process that finds `last` ahead of it, as the first one after a boot does, raises the base; and
// so does one that finds the wall clock ahead, so that tokens go on rising if the directory is lost
// with the machine's memory. The file is read and written by system calls, since a mapping would
// end the process if somebody cut the file.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

#include <leaselock/detail/lock_verbs.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "file/descriptor.hpp"
#include "file/write_at.hpp"

namespace leaselock::file {

class Directory;

class FenceFile {
  public:
    // Opens it at the first use, and makes it if it is not there. The directory outlives it.
    explicit FenceFile(const Directory& directory) noexcept : directory_{directory} {}

    // Tokens above all that were given in the directory and `floor`. Inside the file of the key for
    // which they are. Throws FileError: it cannot be read or written, is cut off, or says what
    // cannot be.
    [[nodiscard]] detail::Fences fences(std::uint64_t floor, SizeLimit& limit);
    // Before anybody can see that it was given, and before the key's file is left. Throws
    // FileError.
    void publish(std::uint64_t token, SizeLimit& limit);

  private:
    struct Content {
        std::uint64_t last = 0;
        std::uint64_t base = 0;
    };
    struct Times {
        std::uint64_t since_boot = 0;
        std::uint64_t wall = 0;
    };

    void open() LEASELOCK_REQUIRES(mutex_);
    // When it was read.
    Times read() LEASELOCK_REQUIRES(mutex_);
    void write(std::uint64_t number, off_t at, SizeLimit& limit) LEASELOCK_REQUIRES(mutex_);
    // Whether the base gives tokens above all that were given.
    [[nodiscard]] bool gives(std::uint64_t since_boot) const LEASELOCK_REQUIRES(mutex_);
    Times raise_base(SizeLimit& limit) LEASELOCK_REQUIRES(mutex_);
    // Until it does. A clock that is there in a moment is waited for, else the base is raised.
    [[nodiscard]] Times catch_up(Times now, SizeLimit& limit) LEASELOCK_REQUIRES(mutex_);
    [[nodiscard]] std::string path() const;

    const Directory& directory_;
    detail::Mutex mutex_;
    Descriptor file_ LEASELOCK_GUARDED_BY(mutex_);
    Content content_ LEASELOCK_GUARDED_BY(mutex_);
    std::uint64_t given_ LEASELOCK_GUARDED_BY(mutex_) = 0;  // the highest that we have seen
};

}  // namespace leaselock::file
