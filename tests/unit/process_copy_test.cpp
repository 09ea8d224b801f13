// Goal: what is wrong in a copy of the process is heard, and so is a copy that hangs or dies.
// Method: copies that do just that.
#include "support/process_copy.hpp"

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>

namespace leaselock::support {
namespace {

TEST(ProcessCopy, SaysWhatWasWrong) {
    EXPECT_EQ(in_copy(Copying::fork,
                      [] {
                          Findings found;
                          found.expect(true, "right");
                          found.expect(false, "wrong");
                          return found.text();
                      }),
              "wrong; ");
}

TEST(ProcessCopy, SaysHowACopyEndedThatSaidNothing) {
    const auto hangs = []() -> std::string {
        for (;;) ::pause();
    };
    EXPECT_EQ(in_copy(Copying::fork, hangs, std::chrono::milliseconds{50}), "the copy hangs");
    const auto dies = []() -> std::string {
        ::raise(SIGKILL);
        return {};
    };
    EXPECT_EQ(in_copy(Copying::fork, dies), "the copy was ended by a signal");
    const auto fails = []() -> std::string { std::_Exit(3); };
    EXPECT_EQ(in_copy(Copying::fork, fails), "the copy failed");
}

}  // namespace
}  // namespace leaselock::support
