// Goal: whatever bytes a member sends, they are read the same in whatever pieces they come, cost no
// more than the bounds allow, and make no fence that can be none. Method: the first byte says how
// the rest is cut into pieces.
#include <algorithm>
#include <string>

#include "fuzz/fuzz_input.hpp"
#include "hazelcast/message.hpp"

namespace leaselock {
namespace {

using fuzz::promise;
using hazelcast::Assembler;
using hazelcast::Message;

constexpr std::uint64_t fence_limit = std::uint64_t{1} << 53U;

void check(const Message& message) {
    promise(message.size() >= 1, "a message has a frame");
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < message.size(); ++i) bytes += message.at(i).content.size();
    promise(bytes <= Assembler::max_message_bytes, "a message is bounded");
    if (const auto fence = hazelcast::fence_of(message)) {
        promise(*fence < fence_limit, "fence in range");
    }
    if (const auto owner = hazelcast::ownership_of(message)) {
        promise(owner->fence < fence_limit, "fence in range");
        promise(owner->count == 0 || owner->fence > 0, "what is held has a fence");
    }
    if (const auto session = hazelcast::session_of(message)) {
        promise(session->ttl.count() > 0, "a session has a time");
        promise(session->heartbeat.count() > 0, "and has to be kept alive");
    }
    if (const auto group = hazelcast::group_of(message)) {
        promise(!group->name.empty(), "a group has a name");
    }
    if (const auto members = hazelcast::members_of(message)) {
        promise(message.is_event(), "members are learned from an event");
        for (const auto& member : *members) promise(member.port != 0, "a port");
    }
    if (const auto error = hazelcast::error_of(message)) {
        promise(error->name.size() + error->text.size() <= bytes, "words of the message");
    }
    (void)hazelcast::authenticated_of(message);
    (void)hazelcast::still_held_of(message);
}

// What was read, as text.
std::string messages(std::string_view bytes, std::size_t piece) {
    Assembler assembler;
    std::string all;
    while (!bytes.empty()) {
        assembler.feed(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        Message message;
        Assembler::Result result{};
        while ((result = assembler.next(message)) == Assembler::Result::message) {
            check(message);
            all += std::to_string(message.type()) + ',' + std::to_string(message.correlation()) +
                   ',' + std::to_string(message.size()) + ';';
        }
        if (result == Assembler::Result::malformed) return all + "malformed";
    }
    return all;
}

}  // namespace
}  // namespace leaselock

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
    const std::size_t piece = 1 + data[0] % 64;
    leaselock::fuzz::promise(
        leaselock::messages(bytes, piece) == leaselock::messages(bytes, bytes.size() + 1),
        "the same in any pieces");
    return 0;
}
