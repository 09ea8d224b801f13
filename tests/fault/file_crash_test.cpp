// Goal: a process killed in the midst of a request at a lock of files leaves the state before the
// request or the one after it, and blocks no other; and another that comes in between takes nothing
// from anybody. Method: a child that is stopped by ptrace(2) before and after each system call of a
// request. It is killed there; or another process does something at the same key, and it goes on.
// What it stores into memory that processes share lies between two such stops. On clocks that stand
// still, one in each process.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <leaselock/backend.hpp>
#include <leaselock/file.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "support/temp_dir.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;

class Waiting final : public Listener {
  public:
    using Listener::Listener;
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    virtual ~Waiting() = default;

    WakeUp handed_over(const HandOff& /*what*/) noexcept override { return {}; }
    WakeUp poll() noexcept override { return {}; }
};

// A process at the key, with a clock that stands still unless it is moved.
class Side {
  public:
    explicit Side(const std::string& directory)
        : backend_{make_file_backend({.directory = directory, .clock = clock_})} {}

    // Not done: somebody is inside the file.
    std::optional<Reply> ask(Verb verb, std::string_view token, Listener* listener = nullptr,
                             Claim claim = {}) {
        const auto now = clock_->now();
        Operation operation{{.verb = verb,
                             .key = "key",
                             .token = token,
                             .ttl = 10min,
                             .claim = claim,
                             .listener = listener,
                             .entry_life = 10min,
                             .submitted = now,
                             .deadline = now + 1h}};
        operation.submitter = Submitter::helps;
        backend_->submit(operation);
        if (!operation.done()) return std::nullopt;
        if (operation.reply.outcome == Outcome::granted) {
            EXPECT_GT(operation.reply.fencing_token, fence_);
            fence_ = operation.reply.fencing_token;
        }
        EXPECT_NE(operation.reply.outcome, Outcome::failed) << operation.reply.detail;
        return operation.reply;
    }
    [[nodiscard]] Outcome outcome(Verb verb, std::string_view token, Listener* listener = nullptr,
                                  Claim claim = {}) {
        const auto reply = ask(verb, token, listener, claim);
        return reply ? reply->outcome : Outcome::failed;
    }
    [[nodiscard]] Backend& backend() { return *backend_; }
    void advance(std::chrono::milliseconds time) { clock_->advance(time); }

  private:
    std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
    std::shared_ptr<Backend> backend_;
    std::uint64_t fence_ = 0;
};

// A child that stands still before and after each of its system calls, from a given point on.
class Stepped {
  public:
    explicit Stepped(const std::function<void(const std::function<void()>&)>& work) {
        std::fflush(nullptr);
        child_ = ::fork();
        if (child_ == 0) {
            work([] {
                if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
                ::raise(SIGSTOP);
            });
            ::_exit(0);
        }
        wait();
    }
    Stepped(const Stepped&) = delete;
    Stepped& operator=(const Stepped&) = delete;
    ~Stepped() { kill(); }

    // To the next stop. False: it has ended.
    bool step() {
        if (WIFSTOPPED(status_)) {
            ::ptrace(PTRACE_SYSCALL, child_, nullptr, nullptr);
            wait();
        }
        return WIFSTOPPED(status_);
    }
    void kill() {
        if (WIFSTOPPED(status_)) {
            ::kill(child_, SIGKILL);
            wait();
        }
    }
    void finish() {
        while (step()) {
        }
        EXPECT_TRUE(WIFEXITED(status_) && WEXITSTATUS(status_) == 0) << status_;
    }

  private:
    void wait() { EXPECT_EQ(::waitpid(child_, &status_, 0), child_); }

    pid_t child_ = -1;
    int status_ = 0;
};

bool may_trace() {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
    int status = 1;
    ::waitpid(child, &status, 0);
    if (status != 0) std::puts("no ptrace(2) here: nothing was seen of processes that are killed");
    return status == 0;
}

// What the child is at, in memory that both have.
template <class T>
class Shared {
  public:
    Shared() {
        void* const memory =
            ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        EXPECT_NE(memory, MAP_FAILED);
        value_ = new (memory) T{};
    }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() { ::munmap(value_, sizeof(T)); }
    T& operator*() const { return *value_; }

  private:
    T* value_;
};

constexpr int most_stops = 1000;
using Work = std::function<void(Side&)>;
const auto nothing = [](Side&) {};
const auto acquires = [](Side& side) { (void)side.ask(Verb::acquire, "child/1"); };
const auto releases = [](Side& side) { (void)side.ask(Verb::release, "child/1"); };

// What the child does is `before`, and then, step by step, the `request`. Another process does the
// rest: `first`, `between` the two of the child, and `last`.
struct Scene {
    Work first = nothing;
    Work before = nothing;
    Work between = nothing;
    Work request = nothing;
    Work last = nothing;
};

class FileCrash : public ::testing::Test {
  protected:
    // The next one gets the lock, at once or after the last breath of the dead, and leaves
    // nothing.
    static void expect_sound(Side& other, const std::string& directory) {
        Outcome got = other.outcome(Verb::acquire, "other/1");
        if (got == Outcome::held) {
            other.advance(100ms);
            got = other.outcome(Verb::acquire, "other/1");
        }
        EXPECT_EQ(got, Outcome::granted);
        EXPECT_EQ(other.outcome(Verb::release, "other/1"), Outcome::released);
        EXPECT_EQ(other.backend().list("", "*").size(), 0U);
        for (const auto& each : std::filesystem::directory_iterator{directory}) {
            EXPECT_TRUE(each.path().filename().string().starts_with('.')) << each.path();
        }
    }

    // Kills the child at its first stop, at its second, and so on until it ends before.
    static void kill_everywhere(const Scene& scene) {
        if (!may_trace()) return;
        int stops = 0;
        for (bool ended = false; !ended && stops < most_stops; ++stops) {
            SCOPED_TRACE(stops);
            const support::TempDir home;
            const std::string directory = home.file("locks");
            Side other{directory};
            scene.first(other);
            {
                Stepped child{[&](const std::function<void()>& from_here) {
                    Side side{directory};
                    scene.before(side);
                    from_here();
                    scene.request(side);
                }};
                scene.between(other);
                for (int i = 0; i < stops && !ended; ++i) ended = !child.step();
            }
            scene.last(other);
            expect_sound(other, directory);
            if (HasFailure()) return;
        }
        EXPECT_GT(stops, 10);
        EXPECT_LT(stops, most_stops);
    }
};

TEST_F(FileCrash, FirstRequestInANewDirectory) { kill_everywhere({.request = acquires}); }

TEST_F(FileCrash, AcquireAtAFreeKey) {
    kill_everywhere(
        {.before = [](Side& side) { (void)side.ask(Verb::inspect, ""); }, .request = acquires});
}

TEST_F(FileCrash, Release) { kill_everywhere({.before = acquires, .request = releases}); }

TEST_F(FileCrash, Renewal) {
    kill_everywhere({.before = acquires, .request = [](Side& side) {
                         side.advance(1s);
                         (void)side.ask(Verb::renew, "child/1");
                     }});
}

TEST_F(FileCrash, OneMoreReader) {
    kill_everywhere(
        {.first = [](Side& side) { (void)side.ask(Verb::acquire, "other/0", nullptr, shared); },
         .request = [](Side& side) { (void)side.ask(Verb::acquire, "child/1", nullptr, shared); },
         .last =
             [](Side& side) {
                 EXPECT_EQ(side.outcome(Verb::release, "other/0", nullptr, shared),
                           Outcome::released);
             }});
}

TEST_F(FileCrash, WaitBehindAHolder) {
    Waiting waiter{"key", "child/1"};
    kill_everywhere(
        {.first = [](Side& side) { (void)side.ask(Verb::acquire, "other/0"); },
         .request = [&](Side& side) { (void)side.ask(Verb::acquire, "child/1", &waiter); },
         .last =
             [](Side& side) {
                 EXPECT_EQ(side.outcome(Verb::release, "other/0"), Outcome::released);
             }});
}

TEST_F(FileCrash, HandOverToOneThatWaits) {
    std::optional<Waiting> waiter;
    kill_everywhere({.before = acquires,
                     .between =
                         [&](Side& side) {
                             waiter.emplace("key", "other/1");
                             EXPECT_EQ(side.outcome(Verb::acquire, "other/1", &*waiter),
                                       Outcome::held);
                         },
                     .request = releases,
                     .last = [&](Side& side) { side.backend().forget(*waiter); }});
}

// Under a debugger that counts them: how long each takes is another matter.
TEST_F(FileCrash, LockThatNobodyElseWantsTakesFewSystemCalls) {
    if (!may_trace()) return;
    constexpr int most = 17;  // and 21 where each request opens the file and looks at it twice
    const support::TempDir home;
    const Shared<bool> is_over;
    Stepped child{[&](const std::function<void()>& from_here) {
        Side side{home.file("locks")};
        for (int i = 0; i < 10; ++i) {
            acquires(side);
            releases(side);
        }
        from_here();
        acquires(side);
        releases(side);
        *is_over = true;
        ::getppid();
    }};
    int stops = 0;  // before and after each
    while (child.step() && !*is_over) ++stops;
    EXPECT_TRUE(*is_over);
    EXPECT_LE(stops / 2, most);
}

// Two at the same key, of which one stands still at each of its system calls in turn, while the
// other does something.
class FileCrossing : public FileCrash {
  protected:
    struct Result {
        bool is_there = false;
        bool holds = false;
    };

    // `cross`: whether the other one holds the lock after it.
    static void cross_everywhere(const std::function<bool(Side&)>& cross) {
        if (!may_trace()) return;
        int stops = 0;
        for (bool ended = false; !ended && stops < most_stops; ++stops) {
            SCOPED_TRACE(stops);
            const support::TempDir home;
            const std::string directory = home.file("locks");
            const Shared<Result> shared_result;
            Result& result = *shared_result;
            Side other{directory};
            (void)other.ask(Verb::inspect, "");
            Stepped child{[&](const std::function<void()>& from_here) {
                Side side{directory};
                from_here();
                const auto reply = side.ask(Verb::acquire, "child/1");
                result.holds = reply && reply->outcome == Outcome::granted;
                result.is_there = true;
                ::raise(SIGSTOP);
            }};
            for (int i = 0; i < stops && !result.is_there; ++i) (void)child.step();
            ended = result.is_there;
            const bool other_holds = cross(other);
            while (!result.is_there && child.step()) {
            }
            EXPECT_NE(other_holds, result.holds) << "one of them, and not both";
            Side third{directory};
            EXPECT_EQ(third.outcome(Verb::acquire, "third/1"), Outcome::held) << "it is seen";
            third.advance(1s);
            EXPECT_EQ(third.outcome(Verb::acquire, "third/1"), Outcome::held) << "to live";
            if (HasFailure()) return;
        }
        EXPECT_GT(stops, 10);
        EXPECT_LT(stops, most_stops);
    }
};

TEST_F(FileCrossing, WhoAcquiresMeanwhileExcludesAndIsExcluded) {
    cross_everywhere(
        [](Side& side) { return side.outcome(Verb::acquire, "other/1") == Outcome::granted; });
}

TEST_F(FileCrossing, WhoReleasesMeanwhileTakesNoFileAway) {
    cross_everywhere([](Side& side) {
        (void)side.ask(Verb::acquire, "other/1");
        (void)side.ask(Verb::release, "other/1");
        return false;
    });
}

TEST_F(FileCrossing, WhoSweepsMeanwhileTakesNothingOfTheLivingAway) {
    cross_everywhere([](Side& side) {
        (void)side.backend().list("", "*");
        return false;
    });
}

}  // namespace
}  // namespace leaselock
