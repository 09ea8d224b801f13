// Goal: SharedDistributedMutex is a standard SharedTimedMutex, for the threads of a process and
// against other holders. Method: the standard's own guards on it, on a memory backend; where a wait
// has to end by itself, on the real clock with short times.
#include <atomic>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "support/poll_until.hpp"
#include "support/readers.hpp"
#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

TEST(SharedMutex, ReadersOfSeveralThreadsHoldAtOnceAndWritersAlone) {
    ManagerWorld world;
    SharedDistributedMutex mutex{world.manager, "key"};
    SharedDistributedMutex elsewhere{world.other, "key"};
    const std::shared_lock reading{mutex};
    EXPECT_NO_THROW(mutex.ensure());
    EXPECT_GT(mutex.fencing_token(), 0U);
    std::async(std::launch::async, [&] {
        const std::shared_lock too{mutex, std::try_to_lock};
        EXPECT_TRUE(too.owns_lock());
        EXPECT_TRUE(is_read_by(2, world.other.inspect("key")));
        const std::unique_lock writing{mutex, std::try_to_lock};
        EXPECT_FALSE(writing.owns_lock());
    }).get();
    EXPECT_TRUE(is_read_by(1, world.other.inspect("key")));
    EXPECT_FALSE(elsewhere.try_lock());
    const std::shared_lock there{elsewhere, std::try_to_lock};
    EXPECT_TRUE(there.owns_lock());
}

TEST(SharedMutex, WriterKeepsReadersOut) {
    ManagerWorld world;
    SharedDistributedMutex mutex{world.manager, "key"};
    SharedDistributedMutex elsewhere{world.other, "key"};
    const std::unique_lock writing{mutex};
    EXPECT_NO_THROW(mutex.ensure());
    EXPECT_EQ(mutex.fencing_token(), world.other.inspect("key").fencing_token);
    EXPECT_FALSE(elsewhere.try_lock_shared());
    EXPECT_FALSE(elsewhere.try_lock_shared_for(1ms));
    EXPECT_FALSE(elsewhere.try_lock_shared_until(std::chrono::steady_clock::now()));
    EXPECT_FALSE(elsewhere.try_lock_for(1ms));
    EXPECT_THROW(elsewhere.ensure(), LockLost);
    EXPECT_EQ(elsewhere.fencing_token(), 0U);
}

TEST(SharedMutex, ThreadThatWouldWaitForItselfIsRefused) {
    ManagerWorld world;
    SharedDistributedMutex mutex{world.manager, "key"};
    const auto expect_refused = [](const std::function<void()>& relock) {
        try {
            relock();
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::system_error& error) {
            EXPECT_EQ(error.code(), std::errc::resource_deadlock_would_occur);
        }
    };
    std::unique_lock writing{mutex, std::defer_lock};
    std::shared_lock reading{mutex, std::defer_lock};
    const auto expect_all_refused = [&] {
        std::unique_lock write_again{mutex, std::defer_lock};
        std::shared_lock read_again{mutex, std::defer_lock};
        expect_refused([&] { write_again.lock(); });
        expect_refused([&] { (void)write_again.try_lock_for(1h); });
        expect_refused([&] { read_again.lock(); });
        expect_refused([&] { (void)read_again.try_lock_for(1h); });
        EXPECT_FALSE(write_again.try_lock());
        EXPECT_FALSE(read_again.try_lock());
    };
    reading.lock();
    expect_all_refused();
    reading.unlock();
    writing.lock();
    expect_all_refused();
    writing.unlock();
    EXPECT_FALSE(world.other.inspect("key").held);
}

// What clang cannot follow, with a guard beside it.
void become_a_reader(SharedDistributedMutex& mutex) LEASELOCK_UNCHECKED {
    mutex.unlock_and_lock_shared();
}

TEST(SharedMutex, WriterBecomesAReaderWithoutAPoll) {
    ManagerWorld world;
    SharedDistributedMutex mutex{world.manager, "key"};
    mutex.lock();
    const std::uint64_t fence = mutex.fencing_token();
    mutex.unlock_and_lock_shared();
    EXPECT_EQ(mutex.fencing_token(), fence);
    EXPECT_TRUE(is_read_by(1, world.other.inspect("key")));
    std::async(std::launch::async, [&] {
        const std::shared_lock reading{mutex, std::try_to_lock};
        EXPECT_TRUE(reading.owns_lock());
    }).get();
    mutex.unlock_shared();
    EXPECT_FALSE(world.other.inspect("key").held);
    EXPECT_THROW(become_a_reader(mutex), LockLost) << "nobody writes";
}

TEST(SharedMutex, WriterWhoseBackendDoesNotAnswerIsAReaderAllTheSame) {
    for (const bool runs : {false, true}) {
        ManagerWorld world;
        SharedDistributedMutex mutex{world.manager, "key"};
        mutex.lock();
        world.backend->fail_next({.error = Errc::command_timed_out, .runs = runs});
        mutex.unlock_and_lock_shared();
        EXPECT_NO_THROW(mutex.ensure());
        mutex.unlock_shared();
        EXPECT_FALSE(world.other.inspect("key").held);
    }
}

// What clang cannot follow: it holds nothing.
void unlock_both_without_lock(SharedDistributedMutex& mutex) LEASELOCK_UNCHECKED {
    mutex.unlock();
    mutex.unlock_shared();
}

TEST(SharedMutex, AnswersForTheCallingThreadAloneAndUnlocksForNoOther) {
    ManagerWorld world;
    SharedDistributedMutex mutex{world.manager, "key"};
    const auto expect_outsider = [&] {
        std::jthread{[&] {
            EXPECT_THROW(mutex.ensure(), LockLost);
            EXPECT_EQ(mutex.fencing_token(), 0U);
            unlock_both_without_lock(mutex);
        }}.join();
        EXPECT_TRUE(world.other.inspect("key").held);
        EXPECT_NO_THROW(mutex.ensure());
        EXPECT_GT(mutex.fencing_token(), 0U);
    };
    {
        const std::unique_lock writing{mutex};
        expect_outsider();
    }
    const std::shared_lock reading{mutex};
    expect_outsider();
}

TEST(SharedMutex, WriterThatLostTheLockUnlocksAsAWriter) {
    ManagerWorld world;
    SharedDistributedMutex mutex{world.manager, "key"};
    std::unique_lock writing{mutex};
    (void)world.other.force_release("key");
    EXPECT_THROW(become_a_reader(mutex), LockLost);
    writing.unlock();
    EXPECT_TRUE(writing.try_lock());
}

TEST(SharedMutex, ReadersAndWritersOfTwoObjectsNeverMeet) {
    LockManager locks;
    SharedDistributedMutex here{locks, "key"};
    SharedDistributedMutex there{locks, "key"};
    std::atomic<int> readers{0};
    std::atomic<int> writers{0};
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&, i] {
                SharedDistributedMutex& mutex = i % 2 == 0 ? here : there;
                for (int round = 0; round < 50; ++round) {
                    if (i < 2) {
                        const std::unique_lock writing{mutex};
                        if (++writers != 1 || readers != 0) ++wrong;
                        --writers;
                    } else {
                        const std::shared_lock reading{mutex};
                        ++readers;
                        if (writers != 0) ++wrong;
                        --readers;
                    }
                }
            });
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_FALSE(locks.inspect("key").held);
}

TEST(SharedMutex, WriterIsNotStarvedByReadersWhoComeAndGo) {
    LockManager locks;
    SharedDistributedMutex mutex{locks, "key"};
    std::atomic<bool> written{false};
    std::vector<std::jthread> readers;
    for (int i = 0; i < 3; ++i) {
        readers.emplace_back([&] {
            while (!written) {
                const std::shared_lock reading{mutex};
                std::this_thread::yield();
            }
        });
    }
    auto writer = std::async(std::launch::async, [&] {
        const std::unique_lock writing{mutex};
        written = true;
    });
    EXPECT_EQ(writer.wait_for(20s), std::future_status::ready);
    written = true;
}

}  // namespace
}  // namespace leaselock
