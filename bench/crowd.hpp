// Many who want one lock, each in a process or a thread of its own, and what came of it: the time
// from a release to the next holder, and how often each was served.
//
// Only the holder writes the time of release and what it saw of it, so those need no order of their
// own. Times are of CLOCK_MONOTONIC, which all processes of a machine share.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace bench {

inline std::int64_t now_ns() {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1};
}

// Lies in memory that forked processes share.
struct Board {
    static constexpr int most_members = 64;
    static constexpr int most_sections = 8000;

    std::atomic<int> ready{0};
    std::atomic<int> left{0};
    std::atomic<std::int64_t> released_at{0};
    std::atomic<int> taken{0};
    std::int64_t handed_over_ns[most_sections];
    int served[most_members];

    // A member is there; they begin together.
    void arrive(int members) {
        ++ready;
        while (ready < members) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    // The lock is held. False: enough was seen.
    bool enter(int member) {
        if (left.fetch_sub(1) <= 0) return false;
        const std::int64_t released = released_at;
        if (released != 0) handed_over_ns[taken++] = now_ns() - released;
        ++served[member];
        return true;
    }
    void leave() { released_at = now_ns(); }
};

class Crowd {
  public:
    // Each member's work(board, member) ends when board.enter() says so.
    using Work = std::function<void(Board&, int member)>;

    Crowd(int members, int sections) : members_{members} {
        void* const memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::runtime_error("no memory");
        board_ = new (memory) Board{};
        board_->left = sections;
    }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;
    ~Crowd() { ::munmap(board_, sizeof(Board)); }

    void run_processes(const Work& work) {
        std::vector<pid_t> children;
        for (int i = 0; i < members_; ++i) {
            const pid_t child = ::fork();
            if (child == 0) {
                work(*board_, i);
                ::_exit(0);
            }
            children.push_back(child);
        }
        for (const pid_t child : children) {
            int status = 0;
            ::waitpid(child, &status, 0);
            if (status != 0) throw std::runtime_error("a process failed");
        }
    }
    void run_threads(const Work& work) {
        std::vector<std::jthread> threads;
        for (int i = 0; i < members_; ++i) threads.emplace_back([&, i] { work(*board_, i); });
    }

    // Of all times from a release to the next holder the one that so large a share does not exceed.
    [[nodiscard]] double quantile_seconds(double share) const {
        std::vector<std::int64_t> all(board_->handed_over_ns,
                                      board_->handed_over_ns + board_->taken);
        if (all.empty()) throw std::runtime_error("nothing was handed over");
        const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(all.size() - 1));
        std::nth_element(all.begin(), all.begin() + at, all.end());
        return static_cast<double>(all[static_cast<std::size_t>(at)]) * 1e-9;
    }
    // Jain's index of how often each was served.
    [[nodiscard]] double fairness() const {
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < members_; ++i) {
            sum += board_->served[i];
            squares += static_cast<double>(board_->served[i]) * board_->served[i];
        }
        return sum * sum / (members_ * squares);
    }

  private:
    int members_;
    Board* board_;
};

}  // namespace bench
