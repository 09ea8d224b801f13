// Goal: owner tokens are 128 random bits, and nobody ever gives the same one: no thread, no child.
// Method: many are drawn and counted; a child that was forked in the middle draws its own.
#include "base/token.hpp"

#include <array>
#include <cmath>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace leaselock::detail {
namespace {

std::string draw() {
    std::string digits(token_digits, '?');
    write_random_digits(digits.data());
    return digits;
}

TEST(Token, IsHexadecimalAndWritesNothingBeyondItsEnd) {
    for (int i = 0; i < 1000; ++i) {
        std::array<char, token_digits + 2> out{};
        out.front() = out.back() = '#';
        write_random_digits(out.data() + 1);
        const std::string digits(out.data() + 1, token_digits);
        ASSERT_EQ(digits.find_first_not_of("0123456789abcdef"), std::string::npos) << digits;
        ASSERT_EQ(out.front(), '#');
        ASSERT_EQ(out.back(), '#');
    }
}

TEST(Token, EveryDigitTakesEveryValueAboutEquallyOften) {
    constexpr int mean = 1'000;
    constexpr int bound = 7 * 31;
    constexpr int draws = 16 * mean;
    std::array<std::array<int, 16>, token_digits> seen{};
    for (int i = 0; i < draws; ++i) {
        const std::string digits = draw();
        for (std::size_t at = 0; at < token_digits; ++at) {
            const char c = digits[at];
            ++seen[at][static_cast<std::size_t>(c <= '9' ? c - '0' : c - 'a' + 10)];
        }
    }
    // 512 cells with a mean of 1000 and a deviation of 31: seven of these are next to impossible.
    for (const auto& position : seen) {
        for (const int count : position) EXPECT_NEAR(count, mean, bound);
    }
}

TEST(Token, NoTwoThreadsGiveTheSame) {
    constexpr std::size_t threads = 8;
    constexpr std::size_t draws = 2000;
    std::vector<std::vector<std::string>> drawn(threads);
    {
        std::vector<std::jthread> workers;
        for (auto& mine : drawn) {
            workers.emplace_back([&mine] {
                for (std::size_t i = 0; i < draws; ++i) mine.push_back(draw());
            });
        }
    }
    std::set<std::string> all;
    for (const auto& mine : drawn) all.insert(mine.begin(), mine.end());
    EXPECT_EQ(all.size(), threads * draws);
}

// A child's tokens, drawn right after the fork.
std::vector<std::string> draw_in_child(std::size_t count) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) return {};
    const pid_t child = ::fork();
    if (child == 0) {
        bool good = true;
        for (std::size_t i = 0; i < count; ++i) {
            const std::string digits = draw();
            good = good && ::write(pipe[1], digits.data(), digits.size()) == token_digits;
        }
        ::_exit(good ? 0 : 1);
    }
    ::close(pipe[1]);
    std::vector<std::string> drawn;
    std::string digits(token_digits, '?');
    while (::read(pipe[0], digits.data(), token_digits) == token_digits) drawn.push_back(digits);
    ::close(pipe[0]);
    int status = 1;
    ::waitpid(child, &status, 0);
    if (status != 0) drawn.clear();
    return drawn;
}

TEST(Token, ParentAndChildrenNeverGiveTheSame) {
    constexpr std::size_t draws = 40;   // more than one block of the generator
    std::set<std::string> all{draw()};  // the generator is in the middle of a block now
    std::size_t count = 1;
    for (int child = 0; child < 3; ++child) {
        const auto theirs = draw_in_child(draws);
        ASSERT_EQ(theirs.size(), draws);
        all.insert(theirs.begin(), theirs.end());
        count += draws;
    }
    for (std::size_t i = 0; i < draws; ++i, ++count) all.insert(draw());
    EXPECT_EQ(all.size(), count);
}

}  // namespace
}  // namespace leaselock::detail
