// One process of counter_process_test: counter_worker <url> <file> <entries>. Adds one to the
// number in the file, <entries> times, each under the lock "counter", and appends the fence of each
// entry behind the number. Nothing but the lock guards the file.
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <stdexcept>
#include <string>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

#include "stress/counter_file.hpp"
#include "support/patient.hpp"

namespace {

using namespace std::chrono_literals;

void work(const std::string& url, const char* path, int entries) {
    leaselock::LockManager locks = leaselock::connect(leaselock::support::patient(url));
    const leaselock::stress::CounterFile file{path};
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
