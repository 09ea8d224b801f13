// Goal: locks that lie in static objects of a program are released at its end, or left to their
// end, whatever way the program ends and in whatever order its objects were made; a lock of another
// process stays; and nothing is used after its end. Method: a program beside the test, on memory,
// files and Redis, whose exit status and silence count, and in builds without sanitizers once more
// under valgrind; the store is asked afterwards.
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>

#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

#include "support/certificates.hpp"
#include "support/child_process.hpp"
#include "support/patient.hpp"
#include "support/poll_until.hpp"
#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using namespace support;
using Words = std::vector<std::string>;

const Words orders{"manager_first", "holders_first", "before_main"};

// Where the locks are, and a manager that sees them, too; none for those of memory.
class Store {
  public:
    virtual ~Store() = default;
    [[nodiscard]] virtual std::string where() = 0;
    [[nodiscard]] virtual std::shared_ptr<Backend> backend() = 0;
};
struct InMemory final : Store {
    std::string where() override { return "memory"; }
    std::shared_ptr<Backend> backend() override { return nullptr; }
};
struct InFiles final : Store {
    std::string where() override { return "file:" + directory.path().string(); }
    std::shared_ptr<Backend> backend() override {
        return make_file_backend({.directory = directory.path().string()});
    }
    TempDir directory;
};
struct InRedis final : Store {
    std::string where() override { return server.url(); }
    std::shared_ptr<Backend> backend() override {
        return make_redis_backend({.url = patient(where())});
    }
    RedisServer server;
};
#ifdef LEASELOCK_HAS_TLS
struct InRedisByTls final : Store {
    std::string where() override { return server.url(); }
    std::shared_ptr<Backend> backend() override { return make_redis_backend({.url = where()}); }
    TlsServer server;
};
#endif

template <class Where>
class ProcessEnd : public ::testing::Test {
  protected:
    ProcessEnd() {
        if (auto backend = store_.backend()) {
            locks_.emplace(ManagerOptions{.prefix = "p:", .owner = "test", .backend = "store"});
            locks_->register_backend("store", std::move(backend));
        }
    }

    [[nodiscard]] ChildProcess start(Words words, const std::string& order,
                                     const std::string& scene) {
        words.insert(words.end(), {LEASELOCK_PROCESS_END_WORKER, store_.where(), order, scene});
        return ChildProcess{words, {.output = said_.file("said")}};
    }
    void run(const Words& before, const std::string& order, const std::string& scene, int status) {
        SCOPED_TRACE(order + ' ' + scene);
        ChildProcess worker = start(before, order, scene);
        EXPECT_EQ(worker.wait(40s), status);
        expect_silence();
    }
    void expect_silence() {
        std::stringstream said;
        said << std::ifstream{said_.file("said")}.rdbuf();
        EXPECT_EQ(said.str(), "");
    }
    [[nodiscard]] bool is_free(const std::string& key) {
        auto lock = locks_->acquire(key, {.wait_timeout = 5s});
        return lock.has_value();
    }
    // What the program held; min_hold keeps its lock.
    void expect_released() {
        if (!locks_) return;  // nobody else sees that memory
        for (const char* const key :
             {"many 0", "many 49", "guard", "reader", "mutex", "shared mutex", "semaphore",
              "election", "owned", "set a", "set b"}) {
            EXPECT_TRUE(is_free(key)) << key;
        }
        const LockInfo kept = locks_->inspect("kept");
        EXPECT_TRUE(kept.held && kept.kept);
        EXPECT_GT(kept.remaining, 0ms);
        locks_->force_release("kept");
    }

    Where store_;
    TempDir said_;
    std::optional<LockManager> locks_;
};

#ifdef LEASELOCK_HAS_TLS
using Stores = ::testing::Types<InMemory, InFiles, InRedis, InRedisByTls>;
#else
using Stores = ::testing::Types<InMemory, InFiles, InRedis>;
#endif
struct StoreName {
    template <class Where>
    static std::string GetName(int /*index*/) {
        if (std::is_same_v<Where, InMemory>) return "Memory";
        if (std::is_same_v<Where, InFiles>) return "Files";
        return std::is_same_v<Where, InRedis> ? "Redis" : "RedisByTls";
    }
};
TYPED_TEST_SUITE(ProcessEnd, Stores, StoreName);

TYPED_TEST(ProcessEnd, StaticObjectsReleaseTheirLocksInAnyOrder) {
    for (const std::string& order : orders) {
        this->run({}, order, "hold", 0);
        this->expect_released();
    }
}

// Pain: over files, a static guard removed the lock of whoever had it.
TYPED_TEST(ProcessEnd, StaticGuardLeavesTheLocksOfOthers) {
    if (!this->locks_) return;  // nobody else is in this memory
    auto reader = this->locks_->acquire("reader", {.ttl = 1min, .share = shared});
    for (const std::string& order : orders) {
        this->run({}, order, "hold", 0);
        this->locks_->force_release("kept");
        EXPECT_EQ(this->locks_->inspect("reader").taken, 1);
        EXPECT_NO_THROW(reader->extend(2min));
        ChildProcess worker = this->start({}, order, "overtaken");
        ASSERT_TRUE(
            poll_until([&] { return this->locks_->inspect("overtaken").owner == "worker"; }, 20s));
        auto lock = this->locks_->acquire("overtaken", {.ttl = 1min, .wait_timeout = 20s});
        ASSERT_TRUE(lock.has_value());
        EXPECT_EQ(worker.wait(20s), 0);
        EXPECT_NO_THROW(lock->extend(2min)) << order;
        this->expect_silence();
    }
}

TYPED_TEST(ProcessEnd, StaticObjectMayUseLocksInItsDestructor) {
    for (const std::string& order : orders) {
        this->run({}, order, "late", 0);
        this->run({}, order, "early_and_late", 0);
        this->expect_released();
    }
}

// Of 200 locks half were still held afterwards.
TYPED_TEST(ProcessEnd, LocksOfADestructorOfAStaticObjectAreReleasedHoweverMany) {
    this->run({}, "manager_first", "many_late", 0);
    if (!this->locks_) return;  // nobody else is in this memory
    LockManager all{{.backend = "store"}};
    all.register_backend("store", this->store_.backend());
    EXPECT_EQ(all.list("late *").size(), 0U);
}

TYPED_TEST(ProcessEnd, ExitMayComeFromAnyThreadAtAnyTime) {
    for (const char* const scene : {"exit_in_lost", "exit_in_observer", "exit_in_async",
                                    "exit_in_thread", "exit_while_others_wait", "quick_exit"}) {
        this->run({}, "holders_first", scene, 3);
        this->run({}, "before_main", scene, 3);
    }
}

#ifdef LEASELOCK_VALGRIND
TYPED_TEST(ProcessEnd, ValgrindFindsNothing) {
    const Words valgrind{"valgrind",
                         "-q",
                         "--error-exitcode=99",
                         "--leak-check=full",
                         "--errors-for-leak-kinds=definite",
                         "--show-leak-kinds=definite"};
    this->run(valgrind, "holders_first", "early_and_late", 0);
    this->expect_released();
}
#endif

}  // namespace
}  // namespace leaselock
