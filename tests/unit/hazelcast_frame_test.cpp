// Goal: frames and messages of Hazelcast's protocol are read as they are meant, in whatever pieces
// they come, and nothing that a peer announces costs memory. Method: bytes made by hand or by
// Writer, fed to an Assembler.
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "hazelcast/frame.hpp"

namespace leaselock::hazelcast {
namespace {

using Result = Assembler::Result;

std::string bytes_of(std::uint64_t value, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
}

std::string frame(unsigned flags, const std::string& content) {
    return bytes_of(frame_head + content.size(), 4) + bytes_of(flags, 2) + content;
}

// The content of the first frame of a message.
std::string head(std::uint32_t type, std::uint64_t correlation, const std::string& rest = {}) {
    return bytes_of(type, 4) + bytes_of(correlation, 8) + rest;
}

std::string event() {
    return frame(flag::unfragmented | flag::is_event, head(7, 8, "fixed")) +
           frame(flag::is_final, "end");
}

TEST(HazelcastFrame, MessageIsReadWhateverThePieces) {
    const std::string bytes = event() + event();
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        Assembler assembler;
        Message message;
        int messages = 0;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            assembler.feed(std::string_view{bytes}.substr(at, piece));
            while (assembler.next(message) == Result::message) {
                ++messages;
                ASSERT_EQ(message.size(), 2U);
                EXPECT_EQ(message.type(), 7U);
                EXPECT_EQ(message.correlation(), 8U);
                EXPECT_TRUE(message.is_event());
                EXPECT_EQ(message.at(1).content, "end");
            }
        }
        EXPECT_EQ(messages, 2) << "in pieces of " << piece;
    }
}

TEST(HazelcastFrame, WhatIsWrittenIsRead) {
    std::string bytes;
    Writer{bytes, 0x070200, 42}
        .i8(5)
        .i64(~0ULL)
        .uuid({1, 2})
        .begin()
        .text("äöü")
        .null()
        .end()
        .finish();
    Assembler assembler;
    assembler.feed(bytes);
    Message message;
    ASSERT_EQ(assembler.next(message), Result::message);
    EXPECT_EQ(message.type(), 0x070200U);
    EXPECT_EQ(message.correlation(), 42U);
    ASSERT_EQ(message.size(), 5U);
    // A request has four bytes more in its head, for a partition, than an answer has one.
    EXPECT_EQ(message.fixed(3, 1), 5U);
    EXPECT_EQ(message.fixed(4, 8), ~0ULL);
    EXPECT_EQ(message.fixed(12, 1), 0U);
    EXPECT_EQ(message.fixed(13, 8), 1U);
    EXPECT_EQ(message.fixed(21, 8), 2U);
    EXPECT_EQ(message.fixed(22, 8), std::nullopt);
    EXPECT_TRUE(message.at(1).is(flag::begin_structure));
    EXPECT_EQ(message.at(2).content, "äöü");
    EXPECT_TRUE(message.at(3).is(flag::is_null));
    EXPECT_TRUE(message.at(4).is(flag::end_structure));
    EXPECT_TRUE(message.at(4).is(flag::is_final));
    EXPECT_EQ(assembler.next(message), Result::more);
}

TEST(HazelcastFrame, FragmentsAreOneMessage) {
    const auto fragment = [](unsigned flags, std::uint64_t number, const std::string& frames) {
        return frame(flags, bytes_of(number, 8)) + frames;
    };
    // Two messages, each in fragments, and a whole one between them.
    Assembler assembler;
    assembler.feed(fragment(flag::begin_fragment, 1, frame(flag::is_final, head(3, 4))));
    assembler.feed(fragment(flag::begin_fragment, 2, frame(flag::is_final, head(5, 6))));
    assembler.feed(event());
    assembler.feed(fragment(0, 1, frame(flag::is_final, "middle")));
    assembler.feed(fragment(flag::end_fragment, 2, frame(flag::is_final, "last of 2")));
    assembler.feed(fragment(flag::end_fragment, 1, frame(flag::is_final, "last of 1")));
    Message message;
    ASSERT_EQ(assembler.next(message), Result::message);
    EXPECT_EQ(message.type(), 7U);
    ASSERT_EQ(assembler.next(message), Result::message);
    EXPECT_EQ(message.type(), 5U);
    EXPECT_EQ(message.at(1).content, "last of 2");
    ASSERT_EQ(assembler.next(message), Result::message);
    EXPECT_EQ(message.type(), 3U);
    EXPECT_EQ(message.correlation(), 4U);
    ASSERT_EQ(message.size(), 3U);
    EXPECT_EQ(message.at(1).content, "middle");
    EXPECT_EQ(message.at(2).content, "last of 1");
    EXPECT_EQ(assembler.next(message), Result::more);
}

TEST(HazelcastFrame, WhatIsNoFrameIsMalformedAndStaysSo) {
    const std::vector<std::string> wrong{
        bytes_of(5, 4) + bytes_of(flag::unfragmented | flag::is_final, 2),
        bytes_of(0xFFFF'FFFF, 4) + bytes_of(0, 2),
        bytes_of(Assembler::max_message_bytes + 1, 4) + bytes_of(0, 2),
        frame(flag::unfragmented | flag::is_final, "too short"),
        frame(flag::end_fragment, bytes_of(9, 8)) + frame(flag::is_final, "of nothing"),
        frame(flag::begin_fragment | flag::is_final, bytes_of(9, 8)),
        "-ERR unknown command 'CP2'\r\n",
        "HTTP/1.1 400 Bad Request\r\n",
    };
    for (const std::string& bytes : wrong) {
        Assembler assembler;
        Message message;
        assembler.feed(bytes);
        EXPECT_EQ(assembler.next(message), Result::malformed) << bytes;
        assembler.feed(event());
        EXPECT_EQ(assembler.next(message), Result::malformed) << bytes;
    }
}

TEST(HazelcastFrame, NoMessageGrowsWithoutBound) {
    const std::string kib = frame(0, std::string(1024, 'x'));
    Assembler frames;
    Message message;
    frames.feed(frame(flag::unfragmented, head(1, 2)));
    Result result = Result::more;
    std::size_t fed = 0;
    for (; result == Result::more && fed < 4 * Assembler::max_message_bytes; fed += kib.size()) {
        frames.feed(kib);
        result = frames.next(message);
    }
    EXPECT_EQ(result, Result::malformed);
    EXPECT_LE(fed, Assembler::max_message_bytes + kib.size());

    Assembler fragments;
    fed = 0;
    result = Result::more;
    for (std::uint64_t i = 0; result == Result::more && fed < 4 * Assembler::max_message_bytes;
         ++i) {
        fragments.feed(frame(flag::begin_fragment, bytes_of(i, 8)) +
                       frame(flag::is_final, std::string(1024, 'x')));
        fed += kib.size();
        result = fragments.next(message);
    }
    EXPECT_EQ(result, Result::malformed);
    EXPECT_LE(fed, Assembler::max_message_bytes + 2 * kib.size());

    Assembler empty;
    std::string many = frame(flag::unfragmented, head(1, 2));
    for (std::size_t i = 0; i < Assembler::max_frames; ++i) many += frame(0, {});
    empty.feed(many);
    EXPECT_EQ(empty.next(message), Result::malformed);
}

}  // namespace
}  // namespace leaselock::hazelcast
