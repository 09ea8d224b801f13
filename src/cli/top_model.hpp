// What `leaselock top` knows of the locks: what the store tells at each refresh, and what can be
// seen by comparing one refresh with the next.
//
// The store tells no history. So grants are the changes of a key's fencing token from one refresh
// to the next, which is less than there were if a key was granted more than once in between; a lock
// is held since its fencing token was first seen, and somebody has been waiting for it since the
// first of the refreshes in a row that found one; who it was may have changed. The ttl of a lease
// is the most that was ever seen left of it, under one fencing token.
//
// Thread-safety: none.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock::cli {

// A lock at the last refresh.
struct TopRow {
    std::string key{};
    LockInfo info{};
    double left = 0;  // of its ttl: 0 to 1
    std::chrono::milliseconds held{0};
    std::chrono::milliseconds waited{0};  // since there has been somebody who waits
    double grants_per_second = 0;
};

// All locks at the last refresh.
struct TopTotal {
    std::size_t locks = 0;
    int waiting = 0;
    std::chrono::milliseconds longest_wait{0};
    double grants_per_second = 0;
};

// For people, in one line.
[[nodiscard]] std::string describe(const TopTotal& total);

enum class TopColumn : std::uint8_t { key, remaining, waiting, waited, grants };
inline constexpr int top_columns = 5;

struct TopOrder {
    TopColumn column = TopColumn::key;
    bool reversed = false;
    std::string filter{};  // a part of the key or of the owner
};

class TopModel {
  public:
    // Rates are counted over the refreshes of the last this, and over two refreshes at least.
    static constexpr std::chrono::seconds window{10};

    void update(Clock::time_point now, const std::vector<ListedLock>& locks);
    // The store did not answer: all stays as it was.
    void miss(Clock::time_point now, std::string why);

    // Those that match the filter. By a number the most telling comes first: the lease that ends
    // next, the most waiters, the longest wait, the most grants; and by the key where it is equal.
    [[nodiscard]] std::vector<TopRow> rows(const TopOrder& order) const;
    [[nodiscard]] TopTotal total() const;

    struct Outage {
        Clock::time_point since;  // the first refresh without an answer
        std::string why;
    };
    // Nothing: the last refresh had an answer.
    [[nodiscard]] const std::optional<Outage>& outage() const noexcept { return outage_; }

  private:
    struct Seen {
        LockInfo info{};
        std::uint64_t refresh = 0;  // the last one at which it was there
        Clock::time_point since{};
        std::chrono::milliseconds ttl{0};
        std::optional<Clock::time_point> waiting_since{};
        std::deque<Clock::time_point> grants{};  // when they were seen, in the window
    };

    void see(Clock::time_point now, const ListedLock& lock);
    void forget();
    [[nodiscard]] bool is_there(const Seen& seen) const noexcept {
        return seen.refresh == refresh_;
    }
    [[nodiscard]] double rate(std::size_t grants) const;
    [[nodiscard]] TopRow row(const std::string& key, const Seen& seen) const;

    std::map<std::string, Seen, std::less<>> locks_;
    std::uint64_t refresh_ = 0;                // the number of the last one
    std::deque<Clock::time_point> refreshes_;  // the first one is where the window begins
    std::optional<Outage> outage_;
};

}  // namespace leaselock::cli
