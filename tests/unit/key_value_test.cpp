// Goal: a byte that must be encoded is, wherever it stands and however long the value is, and no
// other byte is.
// Method: every byte at every place of values of up to 18 bytes, so that the block-wise look at a
// value and its last, overlapping block are both asked, against the rule written out naively.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include <leaselock/detail/key_value.hpp>

namespace {

using leaselock::detail::kNoStop;

std::string naively_encoded(std::string_view text, int stop) {
    std::string out;
    for (const char c : text) {
        const int byte = static_cast<unsigned char>(c);
        const bool special = byte < 0x20 || byte == 0x7f || c == '%' || c == '{' || c == '}';
        out += special || byte == stop ? fmt::format("%{:02X}", byte) : std::string(1, c);
    }
    return out;
}

TEST(KeyValue, EveryByteIsEncodedByTheRuleWhereverItStands) {
    for (const int stop : {kNoStop, static_cast<int>('-'), 0xC3}) {
        for (std::size_t size = 1; size <= 18; ++size) {
            for (std::size_t at = 0; at < size; ++at) {
                for (int byte = 0; byte < 256; ++byte) {
                    std::string text(size, 'x');
                    text[at] = static_cast<char>(byte);
                    std::string out;
                    leaselock::detail::append_text(out, text, "name", stop, false);
                    ASSERT_EQ(out, naively_encoded(text, stop)) << byte << " at " << at;
                }
            }
        }
    }
}

TEST(KeyValue, PlainTextIsRecognisedAsSuch) {
    EXPECT_TRUE(leaselock::detail::is_plain("6f1c9f0e-8d5b-4d0a-9a3e-2b7c51d0e4af", kNoStop));
    EXPECT_TRUE(leaselock::detail::is_plain("ABCXYZ_abcxyz 0189:/", '-'));
    EXPECT_TRUE(leaselock::detail::is_plain("short", '-'));
    EXPECT_FALSE(leaselock::detail::is_plain("6f1c9f0e-8d5b", '-'));
}

}  // namespace
