// Somebody who is inside the file of a lock, and stays there as long as the object: what a process
// looks like that was stopped in the midst of a request.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

namespace leaselock::support {

class FileIntruder {
  public:
    // The file is there, and nobody is inside; else the test fails.
    explicit FileIntruder(const std::string& path) : fd_{::open(path.c_str(), O_RDWR | O_CLOEXEC)} {
        struct flock inside {};
        inside.l_type = F_WRLCK;
        inside.l_len = 1;
        EXPECT_EQ(::fcntl(fd_, F_OFD_SETLK, &inside), 0) << path;
    }
    FileIntruder(const FileIntruder&) = delete;
    FileIntruder& operator=(const FileIntruder&) = delete;
    ~FileIntruder() { ::close(fd_); }

  private:
    int fd_;
};

}  // namespace leaselock::support
