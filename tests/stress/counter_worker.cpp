// One process of counter_process_test: counter_worker <url> <file> <entries>. Adds one to the
// number in the file, <entries> times, each under the lock "counter", and appends the fence of each
// entry behind the number. Nothing but the lock guards the file.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

namespace {

using namespace std::chrono_literals;

// The file: a number, then one fence for each entry, 8 bytes each.
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

void work(const std::string& url, const char* path, int entries) {
    leaselock::LockManager locks = leaselock::connect(url);
    const CounterFile file{path};
    for (int i = 0; i < entries; ++i) {
        leaselock::with_lock(
            locks, "counter", {.wait_timeout = leaselock::forever, .retry_delay = 2ms},
            [&](leaselock::ScopedDistributedLock& guard) { file.add_one(guard.fencing_token()); });
    }
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 4) throw std::runtime_error("usage: counter_worker <url> <file> <entries>");
    work(argv[1], argv[2], std::stoi(argv[3]));
    return 0;
} catch (const std::exception& error) {
    fmt::print(stderr, "counter_worker: {}\n", error.what());
    return 1;
}
