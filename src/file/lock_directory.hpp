// A directory of locks, with its fencing tokens.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>

#include "file/directory.hpp"
#include "file/fence_file.hpp"

namespace leaselock::file {

class LockDirectory : public Directory {
  public:
    using Directory::Directory;

    // As FenceFile says.
    [[nodiscard]] detail::Fences fences(std::uint64_t floor, SizeLimit& limit) {
        return fence_.fences(floor, limit);
    }
    void publish(std::uint64_t fence, SizeLimit& limit) { fence_.publish(fence, limit); }

  private:
    FenceFile fence_{*this};
};

}  // namespace leaselock::file
