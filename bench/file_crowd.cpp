// Many processes at one lock of files, with sections of half a millisecond: how many sections a
// second, how fair, and what they cost besides. Each section looks whether it is alone, and whether
// its fencing token is above the one before.
//   file_crowd check <processes> <sections>   fails if a promise is broken: alone, in order, and no
//                                             more wake-ups a section than most_wakeups
//   file_crowd soak                           crowds of up to 1000 beside a loop of flock(2), and
//                                             what they have to reach
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <leaselock/file.hpp>
#include <leaselock/lock_manager.hpp>

#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int most_processes = 1000;
constexpr double most_wakeups = 50;
constexpr auto section_length = 500us;

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// In memory that the processes share.
struct Board {
    std::atomic<int> ready{0};
    std::atomic<int> left{0};
    std::atomic<int> inside{0};
    std::atomic<int> broken{0};
    std::atomic<std::uint64_t> fence{0};
    std::atomic<std::int64_t> cpu_us{0};
    std::atomic<std::int64_t> wakeups{0};
    std::atomic<Clock::rep> began{Clock::time_point::max().time_since_epoch().count()};
    std::atomic<Clock::rep> ended{0};
    std::atomic<int> served[most_processes]{};
};

// A lock held as long as the object.
class Section {
  public:
    Section(Board& board, int member, std::uint64_t fence) : board_{board} {
        is_one_ = board.left.fetch_sub(1) > 0;
        const bool alone = board.inside.fetch_add(1) == 0;
        const bool rises = fence == 0 || board.fence.exchange(fence) < fence;
        if (!alone || !rises) ++board.broken;
        if (!is_one_) return;
        ++board.served[member];
        std::this_thread::sleep_for(section_length);
    }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    ~Section() { --board_.inside; }
    [[nodiscard]] bool is_one() const { return is_one_; }

  private:
    Board& board_;
    bool is_one_ = false;
};

using Member = std::function<void(Board&, int member, const std::function<void()>& begin)>;

Member with_leaselock(const std::string& directory) {
    return [directory](Board& board, int member, const std::function<void()>& begin) {
        leaselock::LockManager locks{{.backend = "files"}};
        locks.register_backend("files", leaselock::make_file_backend({.directory = directory}));
        begin();
        for (bool more = true; more;) {
            auto lock = locks.acquire("hot", {.wait_timeout = leaselock::forever});
            more = Section{board, member, lock->fencing_token()}.is_one();
            (void)lock->release();
        }
    };
}

Member with_flock(const std::string& path) {
    return [path](Board& board, int member, const std::function<void()>& begin) {
        const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        begin();
        for (bool more = true; more;) {
            if (::flock(fd, LOCK_EX) != 0) ::_exit(1);
            more = Section{board, member, 0}.is_one();
            ::flock(fd, LOCK_UN);
        }
    };
}

struct Result {
    double sections_a_second = 0;
    double fairness = 0;
    double cores = 0;
    double wakeups = 0;
    bool sound = false;
};

// What this process has used since `before`; one section's sleep is no wake-up of ours.
void count(Board& board, const rusage& before) {
    rusage now{};
    ::getrusage(RUSAGE_SELF, &now);
    const double cpu = seconds(now.ru_utime) + seconds(now.ru_stime) - seconds(before.ru_utime) -
                       seconds(before.ru_stime);
    board.cpu_us += static_cast<std::int64_t>(cpu * 1e6);
    board.wakeups += now.ru_nvcsw - before.ru_nvcsw;
}

void be_member(Board& board, int processes, int member, const Member& work) {
    rusage before{};
    work(board, member, [&] {
        ++board.ready;
        while (board.ready < processes) std::this_thread::sleep_for(50us * processes);
        const Clock::rep now = Clock::now().time_since_epoch().count();
        Clock::rep first = board.began;
        while (now < first && !board.began.compare_exchange_weak(first, now)) {
        }
        ::getrusage(RUSAGE_SELF, &before);
    });
    board.ended = Clock::now().time_since_epoch().count();
    count(board, before);
}

Result run(const char* name, int processes, int sections, const Member& work) {
    void* const memory =
        ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || processes > most_processes) throw std::runtime_error("no room");
    Board& board = *new (memory) Board{};
    board.left = sections;
    std::fflush(nullptr);
    std::vector<pid_t> children;
    for (int i = 0; i < processes; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            be_member(board, processes, i, work);
            ::_exit(0);
        }
        children.push_back(child);
    }
    bool ended_well = true;
    for (const pid_t child : children) {
        int status = 1;
        ::waitpid(child, &status, 0);
        ended_well = ended_well && status == 0;
    }
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < processes; ++i) {
        const double served = board.served[i];
        sum += served;
        squares += served * served;
    }
    const double time =
        std::chrono::duration<double>(Clock::duration{board.ended - board.began}).count();
    const Result result{.sections_a_second = sections / time,
                        .fairness = sum * sum / (processes * squares),
                        .cores = static_cast<double>(board.cpu_us) * 1e-6 / time,
                        .wakeups = static_cast<double>(board.wakeups) / sections - 1,
                        .sound = ended_well && board.broken == 0 && sum == sections};
    std::printf(
        "%-9s %4d processes %8.0f sections/s  fairness %.4f  cores %.2f  "
        "wake-ups a section %.1f%s\n",
        name, processes, result.sections_a_second, result.fairness, result.cores, result.wakeups,
        result.sound ? "" : "  BROKEN");
    ::munmap(memory, sizeof(Board));
    return result;
}

int missed = 0;
void demand(bool is_so, const char* what) {
    std::printf("  %-7s %s\n", is_so ? "ok" : "MISSED", what);
    missed += is_so ? 0 : 1;
}

Result crowd(int processes, int sections) {
    const leaselock::support::TempDir home;
    const Result result = run("leaselock", processes, sections, with_leaselock(home.file("locks")));
    demand(result.sound, "alone, and with fencing tokens that rise");
    return result;
}

int soak() {
    const leaselock::support::TempDir home;
    const Result raw = run("flock", 16, 4000, with_flock(home.file("lock")));
    const Result few = crowd(16, 4000);
    demand(few.sections_a_second >= raw.sections_a_second / 2, "half the sections of flock");
    demand(few.fairness >= 0.95, "fairness 0.95");
    const Result some = crowd(20, 8000);
    const Result many = crowd(200, 8000);
    demand(many.sections_a_second >= some.sections_a_second / 2, "half the sections of 20");
    demand(many.fairness >= 0.95, "fairness 0.95");
    demand(many.cores < 1, "less than one core");
    const Result most = crowd(1000, 8000);
    demand(most.wakeups <= most_wakeups, "50 wake-ups a section");
    return missed == 0 ? 0 : 1;
}

int check(int processes, int sections) {
    const Result result = crowd(processes, sections);
    demand(result.wakeups <= most_wakeups, "50 wake-ups a section");
    return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) try {
    const std::string_view word = count > 1 ? words[1] : "";
    if (word == "soak") return soak();
    if (word == "check" && count == 4) return check(std::atoi(words[2]), std::atoi(words[3]));
    std::fputs("usage: file_crowd soak | check <processes> <sections>\n", stderr);
    return 64;
} catch (const std::exception& error) {
    std::fprintf(stderr, "file_crowd: %s\n", error.what());
    return 1;
}
