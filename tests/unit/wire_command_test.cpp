// Goal: a command is byte for byte what hiredis makes of the same arguments. Method: random
// arguments of any bytes, of sizes around those at which the writer takes more memory, compared
// with redisFormatCommandArgv.
#include <cstdint>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "wire/command.hpp"

namespace leaselock::wire {
namespace {

std::string by_hiredis(const std::vector<std::string>& arguments) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string& argument : arguments) {
        texts.push_back(argument.data());
        sizes.push_back(argument.size());
    }
    char* bytes = nullptr;
    const auto size = ::redisFormatCommandArgv(&bytes, static_cast<int>(texts.size()), texts.data(),
                                               sizes.data());
    EXPECT_GT(size, 0);
    std::string command{bytes, static_cast<std::size_t>(size)};
    ::redisFreeCommand(bytes);
    return command;
}

class RandomArguments {
  public:
    explicit RandomArguments(unsigned seed) : random_{seed} {}

    std::size_t below(std::size_t end) { return random_() % end; }
    std::string text() {
        // Most are short, as in practice.
        std::string bytes(below(below(4) == 0 ? 3'000 : 40), '\0');
        for (char& byte : bytes) byte = static_cast<char>(random_());
        return bytes;
    }
    std::int64_t number() {
        const auto bits = static_cast<std::int64_t>(random_());
        return bits >> below(64);
    }

  private:
    std::mt19937_64 random_;
};

TEST(Command, IsThatOfHiredisForTexts) {
    for (unsigned seed = 0; seed < 2'000; ++seed) {
        RandomArguments random{seed};
        std::vector<std::string> arguments(1 + random.below(seed % 100 == 0 ? 150 : 20));
        for (std::string& argument : arguments) argument = random.text();
        std::string out = random.text();
        const std::string expected = out + by_hiredis(arguments);
        append_command(out, std::vector<std::string_view>{arguments.begin(), arguments.end()});
        ASSERT_EQ(out, expected) << "seed " << seed;
    }
}

TEST(Command, IsThatOfHiredisForPartsAndNumbers) {
    for (unsigned seed = 0; seed < 2'000; ++seed) {
        RandomArguments random{seed};
        std::vector<std::string> arguments;
        CommandWriter command;
        for (std::size_t count = 1 + random.below(15); count > 0; --count) {
            if (random.below(2) == 0) {
                const std::int64_t number = random.number();
                command.add(number);
                arguments.push_back(std::to_string(number));
            } else {
                const std::string first = random.text();
                const std::string second = random.text();
                const std::string third = random.text();
                command.add(first, second, third);
                arguments.push_back(first);
                arguments.back() += second;
                arguments.back() += third;
            }
        }
        std::string out = "before";
        command.append_to(out);
        ASSERT_EQ(out, "before" + by_hiredis(arguments)) << "seed " << seed;
    }
}

// Each size of one argument around that at which the memory of the writer itself is full.
TEST(Command, IsThatOfHiredisForEachSize) {
    for (std::size_t size = 0; size < 2'100; ++size) {
        const std::vector<std::string> arguments{std::string(size, 'a'), "b"};
        std::string out;
        append_command(out, std::vector<std::string_view>{arguments.begin(), arguments.end()});
        ASSERT_EQ(out, by_hiredis(arguments)) << size;
    }
}

TEST(Command, NumbersAreInDigits) {
    CommandWriter command;
    command.add(std::int64_t{0});
    command.add(std::int64_t{-1});
    command.add(std::numeric_limits<std::int64_t>::max());
    command.add(std::numeric_limits<std::int64_t>::min());
    std::string out;
    command.append_to(out);
    EXPECT_EQ(out,
              "*4\r\n$1\r\n0\r\n$2\r\n-1\r\n$19\r\n9223372036854775807\r\n"
              "$20\r\n-9223372036854775808\r\n");
}

}  // namespace
}  // namespace leaselock::wire
