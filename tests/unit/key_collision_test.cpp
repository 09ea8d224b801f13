// Goal: without |raw no two lists of values give one key, and every value can be read back.
// Method: all pairs of short values over the bytes that are special to the encoding, and long
// random lists of values, through templates whose separators are as nasty as the grammar allows.
// Reading back uses only the template and the key. LEASELOCK_SEED repeats a random run.
#include <cstdlib>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <leaselock/key_macros.hpp>
#include <leaselock/key_template.hpp>

namespace {

using leaselock::KeyTemplate;

// "%", hexadecimal digits, braces, separators and a control character.
constexpr std::string_view kBytes = "%-2D5{}x\x01";

std::vector<std::string> all_values_up_to(std::size_t length) {
    std::vector<std::string> all{""};
    for (std::size_t begin = 0, size = 0; size < length; ++size) {
        const auto end = all.size();
        for (; begin < end; ++begin) {
            for (const char c : kBytes) all.push_back(all[begin] + c);
        }
    }
    all.erase(all.begin());
    return all;
}

// The values between prefix, separator and suffix. Reads an encoded byte as one unit, so that a
// digit in it is not taken for a separator.
std::pair<std::string, std::string> read_back(std::string_view key, std::string_view separator) {
    std::pair<std::string, std::string> values;
    auto* value = &values.first;
    for (std::size_t at = 0; at < key.size();) {
        if (key[at] == '%') {
            const std::string digits(key.substr(at + 1, 2));
            *value += static_cast<char>(std::stoi(digits, nullptr, 16));
            at += 3;
        } else if (value == &values.first && key[at] == separator.front()) {
            EXPECT_EQ(key.substr(at, separator.size()), separator);
            value = &values.second;
            at += separator.size();
        } else {
            *value += key[at++];
        }
    }
    return values;
}

TEST(KeyCollision, AllShortPairsGiveKeysOfTheirOwnThatReadBack) {
    const auto values = all_values_up_to(2);
    for (const std::string_view separator : {"-", "2", "D", "5x", "-%", "x{y}", "{-}", "\x01"}) {
        const std::string text = "{{a}}" + std::string(separator) + "{{b}}";
        const auto key_template = KeyTemplate::parse(text);
        std::unordered_map<std::string, std::pair<std::string, std::string>> seen;
        for (const auto& a : values) {
            for (const auto& b : values) {
                const auto key = key_template.format({{"a", a}, {"b", b}});
                const auto [at, fresh] = seen.try_emplace(key, a, b);
                ASSERT_TRUE(fresh) << text << " gives " << key << " twice";
                ASSERT_EQ(read_back(key, separator), at->second) << key;
            }
        }
    }
}

TEST(KeyCollision, RandomListsGiveKeysOfTheirOwn) {
    const char* given = std::getenv("LEASELOCK_SEED");
    const auto seed = given ? std::stoul(given) : std::random_device{}();
    SCOPED_TRACE("LEASELOCK_SEED=" + std::to_string(seed));
    std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
    const auto value = [&random] {
        std::string text(1 + random() % 4, ' ');
        for (char& c : text)
            c = random() % 8 == 0 ? static_cast<char>(random()) : kBytes[random() % 5];
        return text;
    };
    std::unordered_map<std::string, std::vector<std::string>> seen;
    for (int round = 0; round < 200'000; ++round) {
        const std::string a = value();
        const std::string b = value();
        const std::string c = value();
        const std::vector<std::string> list{a, b, c};
        const auto key = LEASELOCK_KEY("{k-{{a}}2{{b}}}-5{{c}}-", a, b, c);
        const auto [at, fresh] = seen.try_emplace(key, list);
        ASSERT_TRUE(fresh || at->second == list) << key;
    }
}

TEST(KeyCollision, NoValueMovesTheHashTag) {
    for (const auto& value : all_values_up_to(3)) {
        const auto key = LEASELOCK_KEY("x{{{value}}}y-{{value}}", value);
        const auto close = key.find('}');
        ASSERT_EQ(key.find('{'), 1U);
        ASSERT_EQ(key.find('{', 2), std::string::npos) << key;
        ASSERT_EQ(key.find('}', close + 1), std::string::npos) << key;
        ASSERT_EQ(key.substr(close, 3), "}y-");
    }
}

}  // namespace
