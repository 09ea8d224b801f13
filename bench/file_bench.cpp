// A lock of this machine in files: acquire and release by one thread, each time of the same key.
//   leaselock  with its lease, its fencing token and its queue;
//   baseline   a file made, locked by flock(2), written to, removed and closed by hand, without any
//              of them.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <unistd.h>

#include <leaselock/file.hpp>
#include <leaselock/lock_manager.hpp>

#include "support/temp_dir.hpp"

namespace {

void files(benchmark::State& state) {
    const leaselock::support::TempDir home;
    leaselock::LockManager locks{{.backend = "files"}};
    locks.register_backend("files",
                           leaselock::make_file_backend({.directory = home.file("locks")}));
    for (auto _ : state) {
        auto lock = locks.acquire("key");
        if (!lock || lock->release() != leaselock::ReleaseResult::released) {
            throw std::runtime_error("not locked, or not released");
        }
    }
}
BENCHMARK(files)->Name("file/uncontended/leaselock")->UseRealTime();

void by_hand(benchmark::State& state) {
    const leaselock::support::TempDir home;
    const std::string path = home.file("lock");
    constexpr std::string_view line = "host:1\n";
    for (auto _ : state) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || ::flock(fd, LOCK_EX) != 0 ||
            ::pwrite(fd, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size()) ||
            ::unlink(path.c_str()) != 0 || ::close(fd) != 0) {
            throw std::runtime_error("flock failed");
        }
    }
}
BENCHMARK(by_hand)->Name("file/uncontended/baseline")->UseRealTime();

}  // namespace
