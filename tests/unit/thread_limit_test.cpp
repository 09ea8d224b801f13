// Goal: where the system gives no thread, acquire is refused before any I/O, and nothing is lost;
// and so is a call of a store that blocks, which runs on a thread that is lent to it. Method: a
// child process that has no room for the stack of one more thread.
#include <fstream>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <leaselock/blocking_backend.hpp>
#include <leaselock/testing/detail/granted.hpp>

#include "support/map_store.hpp"
#include "support/poll_until.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

rlim_t bytes_in_use() {
    std::size_t pages = 0;
    std::ifstream{"/proc/self/statm"} >> pages;
    return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

// `room` is what there was before.
bool take_room(rlimit& room) {
    if (::getrlimit(RLIMIT_AS, &room) != 0) return false;
    const rlimit none{bytes_in_use() + (std::size_t{1} << 20U), room.rlim_max};
    return ::setrlimit(RLIMIT_AS, &none) == 0;
}

int acquire_without_room() {
    ManagerWorld world;
    rlimit room{};
    if (!take_room(room)) return 1;
    std::error_code ec;
    if (granted(world.manager.acquire("key", {}, ec))) return 3;
    if (ec != Errc::no_thread || ec != Family::unavailable) return 4;
    if (world.backend->count() != 0) return 5;
    if (::setrlimit(RLIMIT_AS, &room) != 0) return 6;
    return granted(world.manager.acquire("key", {}, ec)) ? 0 : 7;
}

int call_without_room() {
    BlockingBackend backend{std::make_unique<support::MapStore>()};
    const Request inspect{.verb = Verb::inspect, .key = "key"};
    Operation refused{inspect};
    Operation served{inspect};
    rlimit room{};
    if (!take_room(room)) return 1;
    backend.submit(refused);
    if (!refused.done()) return 2;
    if (refused.reply.error != Errc::no_thread) return 3;
    if (::setrlimit(RLIMIT_AS, &room) != 0) return 4;
    backend.submit(served);
    if (!support::poll_until([&] { return served.done(); })) return 5;
    return served.reply.outcome == Outcome::free ? 0 : 6;
}

// How the function ends in a child process.
int status_of(int (*work)()) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
}

TEST(ThreadLimit, IsToldBeforeAnyInputOrOutputAndPasses) {
    EXPECT_EQ(status_of(&acquire_without_room), 0);
}

TEST(ThreadLimit, RefusesACallOfAStoreThatBlocksAndPasses) {
    EXPECT_EQ(status_of(&call_without_room), 0);
}

}  // namespace
}  // namespace leaselock
