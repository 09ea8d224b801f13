// Loaded into a program before its libraries (LD_PRELOAD), this shifts its wall clock by what an
// eight-byte file says, in nanoseconds, each time that it is asked. So a test can step the clock of
// a server that runs. Clocks that no administrator can set, CLOCK_MONOTONIC among them, stay as
// they are.
//
// The file is named by LEASELOCK_CLOCK_SHIFT and is mapped, so a step costs nothing and is seen at
// once. The kernel is asked directly: looking up the true functions by dlsym() would allocate
// memory, and the allocator asks for the time.
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;

const std::int64_t* mapped_shift() {
    const char* path = std::getenv("LEASELOCK_CLOCK_SHIFT");
    const int fd = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) std::abort();
    void* const map = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    if (map == MAP_FAILED) std::abort();
    return static_cast<const std::int64_t*>(map);
}

timespec shifted(timespec time) {
    static const std::int64_t* const shift = mapped_shift();
    const std::int64_t ns =
        time.tv_sec * ns_per_s + time.tv_nsec + __atomic_load_n(shift, __ATOMIC_ACQUIRE);
    return {.tv_sec = ns / ns_per_s, .tv_nsec = ns % ns_per_s};
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
    if (::syscall(SYS_clock_gettime, clock, time) != 0) return -1;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) *time = shifted(*time);
    return 0;
}

extern "C" int gettimeofday(timeval* time, void* /*zone*/) noexcept {
    timespec now{};
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    *time = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

extern "C" time_t time(time_t* seconds) noexcept {
    timespec now{};
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    if (seconds != nullptr) *seconds = now.tv_sec;
    return now.tv_sec;
}
