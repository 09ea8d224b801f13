// Goal: a re-entrant mutex is locked again by its owner at once, and by nobody else until its last
// level is gone. Method: two owners at a memory backend.
#include <gtest/gtest.h>
#include <mutex>
#include <stop_token>

#include <leaselock/reentrant_mutex.hpp>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class Reentrant : public ::testing::Test {
  protected:
    ManagerWorld world_;
    LockOwner mine_{world_.manager};
    LockOwner theirs_{world_.other};
    ReentrantMutex here_{mine_, "key"};
    ReentrantMutex there_{theirs_, "key"};
};

TEST_F(Reentrant, OwnerLocksAgainWithoutAnotherCommand) {
    const std::scoped_lock outer{here_};
    const std::size_t commands = world_.backend->records().size();
    const std::uint64_t fence = here_.fencing_token();
    {
        const std::unique_lock inner{here_};
        EXPECT_EQ(here_.levels(), 2U);
        EXPECT_EQ(here_.fencing_token(), fence);
    }
    EXPECT_EQ(world_.backend->records().size(), commands);
    EXPECT_NO_THROW(here_.ensure());
}

TEST_F(Reentrant, AnotherOwnerWaitsForTheLastLevel) {
    here_.lock();
    here_.lock();
    here_.unlock();
    EXPECT_FALSE(there_.try_lock());
    EXPECT_FALSE(there_.try_lock_for(20ms));
    here_.unlock();
    EXPECT_TRUE(there_.try_lock());
    EXPECT_FALSE(here_.try_lock());
    there_.unlock();
}

TEST_F(Reentrant, StopEndsTheWait) {
    here_.lock();
    std::stop_source stop;
    stop.request_stop();
    EXPECT_FALSE(there_.lock(stop.get_token()));
    EXPECT_EQ(there_.levels(), 0U);
    here_.unlock();
}

TEST_F(Reentrant, UnlockWithoutALevelDoesNothing) {
    here_.unlock();
    EXPECT_EQ(here_.levels(), 0U);
    EXPECT_EQ(here_.fencing_token(), 0U);
    EXPECT_THROW(here_.ensure(), LockLost);
    EXPECT_EQ(here_.key(), "key");
}

TEST_F(Reentrant, LossIsOneOfAllLevels) {
    const ReentrantMutex& mutex = here_;
    here_.lock();
    here_.lock();
    (void)world_.other.force_release("key");
    world_.clock->advance(1h);
    EXPECT_THROW(mutex.ensure(), LockLost);
    EXPECT_THROW(here_.lock(), LockLost);
    here_.unlock();
    here_.unlock();
    EXPECT_TRUE(here_.try_lock()) << "a lease of its own again";
    here_.unlock();
}

}  // namespace
}  // namespace leaselock
