// Goal: the version that a program sees is the one that the build and the package tell.
// Method: the build hands its own reading of version.hpp to this file.
#include <gtest/gtest.h>
#include <string>

#include <leaselock/version.hpp>

namespace {

TEST(Version, IsTheOneThatTheBuildReadFromTheHeader) {
    const std::string version = std::to_string(leaselock::version_major) + "." +
                                std::to_string(leaselock::version_minor) + "." +
                                std::to_string(leaselock::version_patch);
    EXPECT_EQ(version, LEASELOCK_BUILD_VERSION);
}

}  // namespace
