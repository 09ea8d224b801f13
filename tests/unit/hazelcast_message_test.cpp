// Goal: answers of a member mean what they say, and what is not whole means nothing. Method:
// answers as a member of version 5.4.0 gave them, frame by frame, cut off after each frame.
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "hazelcast/message.hpp"

namespace leaselock::hazelcast {
namespace {

struct Part {
    unsigned flags;
    std::string content;
};
using Parts = std::vector<Part>;

std::string message_bytes(std::uint64_t value, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
}

// The first frame of an answer: type, correlation, backups, numbers.
Part first(std::uint32_t type, const std::string& numbers = {}, unsigned flags = 0) {
    return {flag::unfragmented | flags,
            message_bytes(type, 4) + message_bytes(1, 8) + '\0' + numbers};
}
const Part begin{flag::begin_structure, {}};
const Part end{flag::end_structure, {}};
const Part null{flag::is_null, {}};

Message message_of(const Parts& parts, std::size_t count) {
    std::string bytes;
    for (std::size_t i = 0; i < count; ++i) {
        const unsigned last = i + 1 == count ? unsigned{flag::is_final} : 0;
        bytes += message_bytes(frame_head + parts[i].content.size(), 4);
        bytes += message_bytes(parts[i].flags | last, 2) + parts[i].content;
    }
    Assembler assembler;
    assembler.feed(bytes);
    Message message;
    EXPECT_EQ(assembler.next(message), Assembler::Result::message);
    return message;
}

// Whether the decoder has something to say of each part of it.
void expect_only_whole(const Parts& parts, const std::function<bool(const Message&)>& decodes) {
    for (std::size_t count = 1; count < parts.size(); ++count) {
        EXPECT_FALSE(decodes(message_of(parts, count))) << "after " << count << " frames";
    }
    EXPECT_TRUE(decodes(message_of(parts, parts.size())));
}

Parts address(std::uint16_t port) {
    return {begin, {0, message_bytes(port, 4)}, {0, "127.0.0.1"}, end};
}

Parts operator+(Parts left, const Parts& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Parts member(std::uint16_t port) {
    const Parts version{begin, {0, std::string("\5\4\0", 3)}, end};
    const Parts qualifier{begin, {0, message_bytes(0, 4)}, null, end};
    return Parts{begin, {0, std::string(18, 'u')}} + address(port) + Parts{begin, end} + version +
           Parts{begin} + qualifier + address(port) + Parts{end, end};
}

TEST(HazelcastMessage, ErrorHasCodeNameAndText) {
    const Parts trace{begin, {0, message_bytes(45, 4)}, {0, "a.Class"}, {0, "run"}, {0, "F.java"},
                      end};
    const Parts parts = Parts{first(0),
                              begin,
                              begin,
                              {0, message_bytes(26, 4)},
                              {0, "java.lang.IllegalMonitorStateException"},
                              {0, "not owner"},
                              begin} +
                        trace + trace + Parts{end, end, end};
    const Message message = message_of(parts, parts.size());
    EXPECT_TRUE(is_error(message));
    const auto error = error_of(message);
    ASSERT_TRUE(error.has_value());
    EXPECT_TRUE(error->is(Fault::not_owner));
    EXPECT_EQ(error->name, "IllegalMonitorStateException");
    EXPECT_EQ(error->text, "not owner");
    expect_only_whole(parts, [](const Message& part) { return error_of(part).has_value(); });

    Parts silent = parts;
    silent[5] = null;
    ASSERT_TRUE(error_of(message_of(silent, silent.size())).has_value());
    EXPECT_EQ(error_of(message_of(silent, silent.size()))->text, "");
}

TEST(HazelcastMessage, AuthenticationTellsStatusClusterAndVersion) {
    const std::string numbers = '\1' + std::string(17, 'm') + '\1' + message_bytes(271, 4) + '\0' +
                                message_bytes(11, 8) + message_bytes(12, 8) + '\0';
    const Parts parts = Parts{first(0x000101, numbers)} + address(5701) + Parts{{0, "5.4.0"}};
    const auto result = authenticated_of(message_of(parts, parts.size()));
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->status, Authenticated::Status::bad_credentials);
    EXPECT_EQ(result->cluster, (Uuid{11, 12}));
    EXPECT_EQ(result->version, "5.4.0");
    expect_only_whole(parts,
                      [](const Message& part) { return authenticated_of(part).has_value(); });
    // It refuses without an address.
    const Parts refused{first(0x000101, numbers), null, null};
    EXPECT_TRUE(authenticated_of(message_of(refused, 3)).has_value());
}

TEST(HazelcastMessage, GroupHasItsThreeParts) {
    const Parts parts{
        first(0x1e0101), begin, {0, message_bytes(7, 8) + message_bytes(8427, 8)}, {0, "default"}};
    EXPECT_EQ(group_of(message_of(parts, 4)), (Group{"default", 7, 8427}));
    expect_only_whole(parts, [](const Message& part) { return group_of(part).has_value(); });
}

TEST(HazelcastMessage, MembersAreLearnedFromTheirEventAlone) {
    const Parts parts = Parts{first(members_event, message_bytes(3, 4), flag::is_event), begin} +
                        member(5701) + member(5702) + member(5703) + Parts{end};
    const auto members = members_of(message_of(parts, parts.size()));
    ASSERT_TRUE(members.has_value());
    const std::vector<MemberAddress> expected{
        {"127.0.0.1", 5701}, {"127.0.0.1", 5702}, {"127.0.0.1", 5703}};
    EXPECT_EQ(*members, expected);
    expect_only_whole(parts, [](const Message& part) { return members_of(part).has_value(); });
    Parts answer = parts;
    answer[0] = first(members_event);
    EXPECT_FALSE(members_of(message_of(answer, answer.size())).has_value());
    Parts wrong_port = Parts{parts[0], begin} + member(0) + Parts{end};
    EXPECT_FALSE(members_of(message_of(wrong_port, wrong_port.size())).has_value());
}

TEST(HazelcastMessage, NumbersOutOfRangeAreNoAnswer) {
    const auto one = [](std::uint32_t type, const std::string& numbers) {
        return message_of({first(type, numbers)}, 1);
    };
    const std::uint64_t limit = std::uint64_t{1} << 53U;
    EXPECT_EQ(fence_of(one(0x070201, message_bytes(limit - 1, 8))), limit - 1);
    EXPECT_EQ(fence_of(one(0x070201, message_bytes(limit, 8))), std::nullopt);
    EXPECT_EQ(fence_of(one(0x070201, message_bytes(1, 7))), std::nullopt);
    EXPECT_EQ(still_held_of(one(0x070301, std::string(1, '\1'))), true);
    EXPECT_EQ(still_held_of(one(0x070301, {})), std::nullopt);

    const auto terms = [&](std::uint64_t ttl, std::uint64_t heartbeat) {
        return session_of(one(
            0x1f0101, message_bytes(9, 8) + message_bytes(ttl, 8) + message_bytes(heartbeat, 8)));
    };
    ASSERT_TRUE(terms(10'000, 2000).has_value());
    EXPECT_EQ(terms(10'000, 2000)->session, 9U);
    EXPECT_EQ(terms(10'000, 2000)->ttl, std::chrono::seconds{10});
    EXPECT_FALSE(terms(0, 2000).has_value());
    EXPECT_FALSE(terms(10'000, 0).has_value());
    EXPECT_FALSE(terms(~0ULL, 2000).has_value());

    const auto owner = [&](std::uint64_t fence, std::uint64_t count) {
        return ownership_of(one(0x070401, message_bytes(fence, 8) + message_bytes(count, 4) +
                                              message_bytes(5, 8) + message_bytes(6, 8)));
    };
    ASSERT_TRUE(owner(3, 1).has_value());
    EXPECT_EQ(owner(3, 1)->session, 5U);
    EXPECT_EQ(owner(3, 1)->thread, 6U);
    EXPECT_FALSE(owner(0, 1).has_value()) << "held without a fence";
    EXPECT_FALSE(owner(limit, 1).has_value());
}

TEST(HazelcastMessage, EventIsNoAnswer) {
    const Message answer = message_of({first(0x070201, message_bytes(1, 8))}, 1);
    EXPECT_TRUE(answers(answer, Ask::try_lock));
    EXPECT_FALSE(answers(answer, Ask::unlock));
    const Message event = message_of({first(0x070201, message_bytes(1, 8), flag::is_event)}, 1);
    EXPECT_FALSE(answers(event, Ask::try_lock));
    EXPECT_FALSE(is_error(message_of({first(0, {}, flag::is_event)}, 1)));
}

}  // namespace
}  // namespace leaselock::hazelcast
