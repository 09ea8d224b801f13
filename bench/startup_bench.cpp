// A command that a lock of this machine is held for: whole processes, from their start to their
// end.
//   leaselock  `leaselock run KEY -- true`, in files of a directory of its own;
//   baseline   `flock FILE true`, of util-linux.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <vector>

#include "support/temp_dir.hpp"

namespace {

void run_once(const std::vector<std::string>& words) {
    std::vector<char*> raw;
    for (const std::string& word : words) raw.push_back(const_cast<char*>(word.c_str()));
    raw.push_back(nullptr);
    pid_t pid = -1;
    int status = -1;
    if (::posix_spawnp(&pid, raw[0], nullptr, nullptr, raw.data(), environ) != 0 ||
        ::waitpid(pid, &status, 0) != pid || status != 0) {
        throw std::runtime_error(words[0] + " failed");
    }
}

void leaselock_run(benchmark::State& state) {
    const leaselock::support::TempDir home;
    const std::string url = "--url=file:" + home.file("locks");
    for (auto _ : state) run_once({LEASELOCK_COMMAND, url, "run", "key", "--", "true"});
}
BENCHMARK(leaselock_run)->Name("startup/run/leaselock")->UseRealTime()->Iterations(200);

void flock_run(benchmark::State& state) {
    const leaselock::support::TempDir home;
    for (auto _ : state) run_once({"flock", home.file("lock"), "true"});
}
BENCHMARK(flock_run)->Name("startup/run/baseline")->UseRealTime()->Iterations(200);

}  // namespace
