// Goal: a program that a test runs beside itself does what it is asked for, and ends with the test.
// Method: sh and sleep, stopped, continued, ended and killed; what /proc says of them.
#include "support/child_process.hpp"

#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <thread>

#include "support/poll_until.hpp"
#include "support/temp_dir.hpp"

namespace leaselock::support {
namespace {

using namespace std::chrono_literals;

std::string content_of(const std::string& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

// The state behind the name in brackets: S sleeps, T is stopped, Z is dead; 0: there is none such.
char state_of(pid_t pid) {
    const std::string stat = content_of("/proc/" + std::to_string(pid) + "/stat");
    const std::size_t end_of_name = stat.rfind(')');
    return end_of_name == std::string::npos ? '\0' : stat.at(end_of_name + 2);
}

TEST(ChildProcess, TellsHowItEnded) {
    EXPECT_EQ(ChildProcess({"sh", "-c", "exit 7"}).wait(), 7);
    EXPECT_EQ(ChildProcess({"sh", "-c", "kill -TERM $$"}).wait(), 128 + SIGTERM);
    EXPECT_EQ(ChildProcess({"no-such-program"}).wait(), 127);
}

TEST(ChildProcess, WaitIsBoundedAndCanBeRepeated) {
    ChildProcess child{{"sleep", "100"}};
    EXPECT_EQ(child.wait(1ms), std::nullopt);
    EXPECT_FALSE(child.has_ended());
    child.terminate();
    EXPECT_EQ(child.wait(), 128 + SIGTERM);
    EXPECT_EQ(child.wait(), 128 + SIGTERM);
    EXPECT_TRUE(child.has_ended());
}

TEST(ChildProcess, StandsStillWhilePausedAndGoesOn) {
    ChildProcess child{{"sleep", "100"}};
    child.pause();
    EXPECT_EQ(state_of(child.pid()), 'T');
    child.resume();
    EXPECT_TRUE(poll_until([&] { return state_of(child.pid()) == 'S'; }));
    child.pause();
    child.terminate();
    EXPECT_EQ(child.wait(), 128 + SIGTERM) << "one that is paused ends too";
}

TEST(ChildProcess, IsGoneWhenKilledPausedOrNot) {
    for (const bool is_paused : {false, true}) {
        ChildProcess child{{"sleep", "100"}};
        if (is_paused) child.pause();
        child.kill9();
        EXPECT_EQ(state_of(child.pid()), '\0');
        EXPECT_EQ(child.wait(), 128 + SIGKILL);
        child.pause();  // must neither hang nor hit a stranger
        child.kill9();
    }
}

TEST(ChildProcess, IsGoneWithItsObjectAndWithTheThreadThatStartedIt) {
    pid_t pid = -1;
    {
        const ChildProcess child{{"sleep", "100"}};
        pid = child.pid();
    }
    EXPECT_EQ(state_of(pid), '\0');
    std::optional<ChildProcess> orphan;
    std::thread{[&] { orphan.emplace(std::vector<std::string>{"sleep", "100"}); }}.join();
    EXPECT_EQ(orphan->wait(), 128 + SIGKILL);
}

TEST(ChildProcess, HasTheEnvironmentAndTheOutputThatItIsGiven) {
    const TempDir directory;
    const std::string out = directory.file("out");
    ASSERT_EQ(::setenv("LEASELOCK_TEST_OURS", "ours", 1), 0);
    ASSERT_EQ(::setenv("LEASELOCK_TEST_BOTH", "ours", 1), 0);
    ChildProcess child{
        {"sh", "-c", "echo $LEASELOCK_TEST_OURS $LEASELOCK_TEST_BOTH; echo oops >&2"},
        {.output = out, .environment = {"LEASELOCK_TEST_BOTH=its own"}}};
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(content_of(out), "ours its own\noops\n");
}

}  // namespace
}  // namespace leaselock::support
