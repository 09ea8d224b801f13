// Goal: where the system gives no thread, acquire is refused before any I/O, and nothing is lost.
// Method: a child process that has no room for the stack of one more thread.
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

rlim_t bytes_in_use() {
    std::size_t pages = 0;
    std::ifstream{"/proc/self/statm"} >> pages;
    return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

int acquire_without_room() {
    ManagerWorld world;
    rlimit room{};
    if (::getrlimit(RLIMIT_AS, &room) != 0) return 1;
    const rlimit none{bytes_in_use() + (std::size_t{1} << 20U), room.rlim_max};
    if (::setrlimit(RLIMIT_AS, &none) != 0) return 2;
    std::error_code ec;
    if (world.manager.acquire("key", {}, ec).has_value()) return 3;
    if (ec != Errc::no_thread || ec != Family::unavailable) return 4;
    if (world.backend->count() != 0) return 5;
    if (::setrlimit(RLIMIT_AS, &room) != 0) return 6;
    return world.manager.acquire("key", {}, ec).has_value() ? 0 : 7;
}

TEST(ThreadLimit, IsToldBeforeAnyInputOrOutputAndPasses) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(acquire_without_room());
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace leaselock
