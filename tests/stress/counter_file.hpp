// A file that processes guard by nothing but a lock: a number, then one fence for each entry, 8
// bytes each.
//
// Thread-safety: one object, one thread at a time.
#pragma once

#include <cstdint>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

namespace leaselock::stress {

class CounterFile {
  public:
    explicit CounterFile(const char* path) : fd_{::open(path, O_RDWR | O_CLOEXEC)} {
        if (fd_ < 0) throw std::runtime_error("the file cannot be opened");
    }
    CounterFile(const CounterFile&) = delete;
    CounterFile& operator=(const CounterFile&) = delete;
    ~CounterFile() { ::close(fd_); }

    // Reads, lets others run, writes: without a lock this loses most of what many add.
    void add_one(std::uint64_t fence) const {
        const std::uint64_t count = read(0);
        ::usleep(200);
        write(count + 1, fence);
        write(0, count + 1);
    }

  private:
    [[nodiscard]] std::uint64_t read(std::uint64_t index) const {
        std::uint64_t value = 0;
        if (::pread(fd_, &value, sizeof value, offset(index)) != sizeof value) {
            throw std::runtime_error("the file cannot be read");
        }
        return value;
    }
    void write(std::uint64_t index, std::uint64_t value) const {
        if (::pwrite(fd_, &value, sizeof value, offset(index)) != sizeof value) {
            throw std::runtime_error("the file cannot be written");
        }
    }
    static off_t offset(std::uint64_t index) {
        return static_cast<off_t>(index * sizeof(std::uint64_t));
    }

    int fd_;
};

inline void make_counter_file(const std::string& path) {
    std::ofstream{path, std::ios::binary}.write("\0\0\0\0\0\0\0\0", 8);
}

// The number, and the fences.
[[nodiscard]] inline std::vector<std::uint64_t> numbers_in(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t value = 0; file.read(reinterpret_cast<char*>(&value), sizeof value);) {
        numbers.push_back(value);
    }
    return numbers;
}

}  // namespace leaselock::stress
