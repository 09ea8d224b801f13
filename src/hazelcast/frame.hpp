// Hazelcast's Open Binary Client Protocol 2 as bytes: frames in, messages out, and the other way
// round. It knows no socket and no meaning of a message, so it can be tested and fuzzed alone. What
// the peer may cost is bounded here: no memory is taken because a frame announces something.
//
// A message is a chain of frames, the last of which says so. A frame is its length, flags and
// content; all numbers are little-endian. A message may come in fragments, each of which looks like
// a message of its own and begins with a frame that has the number of the whole.
//
// Thread-safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/sink.hpp"

namespace leaselock::hazelcast {

namespace flag {

inline constexpr std::uint16_t begin_fragment = 1U << 15U;
inline constexpr std::uint16_t end_fragment = 1U << 14U;
inline constexpr std::uint16_t unfragmented = begin_fragment | end_fragment;
inline constexpr std::uint16_t is_final = 1U << 13U;
inline constexpr std::uint16_t begin_structure = 1U << 12U;
inline constexpr std::uint16_t end_structure = 1U << 11U;
inline constexpr std::uint16_t is_null = 1U << 10U;
inline constexpr std::uint16_t is_event = 1U << 9U;

}  // namespace flag

// The length and the flags.
inline constexpr std::size_t frame_head = 6;

struct Uuid {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend bool operator==(const Uuid&, const Uuid&) noexcept = default;
};

// A number at an offset of a frame's content; nothing if the frame ends before.
[[nodiscard]] std::optional<std::uint64_t> number_at(std::string_view content, std::size_t offset,
                                                     std::size_t bytes) noexcept;

// A message that came whole.
class Message {
  public:
    struct Frame {
        std::uint16_t flags = 0;
        std::string_view content{};

        [[nodiscard]] bool is(std::uint16_t what) const noexcept { return (flags & what) != 0; }
    };

    [[nodiscard]] std::size_t size() const noexcept { return pieces_.size(); }
    [[nodiscard]] Frame at(std::size_t i) const noexcept;
    // Of the first frame. A message that Assembler gives has both.
    [[nodiscard]] std::uint32_t type() const noexcept;
    [[nodiscard]] std::uint64_t correlation() const noexcept;
    [[nodiscard]] bool is_event() const noexcept { return at(0).is(flag::is_event); }
    // A number of the first frame of an answer, by its offset after the head of answers.
    [[nodiscard]] std::optional<std::uint64_t> fixed(std::size_t offset,
                                                     std::size_t bytes) const noexcept;

  private:
    friend class Assembler;

    struct Piece {
        std::uint16_t flags;
        std::size_t begin;
        std::size_t size;
    };
    void add(std::uint16_t flags, std::string_view content);
    void clear() noexcept;

    std::string bytes_;
    std::vector<Piece> pieces_;
};

// Bytes in, messages out.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Sink
class Assembler final : public wire::Sink {
  public:
    // Of a message with all its frames, and of all fragments whose rest has not come together.
    static constexpr std::size_t max_message_bytes = std::size_t{1} << 20U;
    static constexpr std::size_t max_frames = std::size_t{1} << 16U;

    enum class Result {
        message,    // `out` has the next one
        more,       // none is complete
        malformed,  // no frames, over a bound, or no memory; it stays like that
    };

    void feed(std::string_view bytes) noexcept override;
    // Takes the next message out of what was fed.
    [[nodiscard]] Result next(Message& out) noexcept;

  private:
    [[nodiscard]] Result find_end() noexcept;
    [[nodiscard]] Result take(Message& out);
    [[nodiscard]] Result take_fragment(Message& out);
    void drop_read() noexcept;

    std::string in_;
    std::size_t read_ = 0;  // of in_: before the message that comes next
    std::size_t end_ = 0;   // of in_: its frames are whole up to here
    std::size_t frames_ = 0;
    std::map<std::uint64_t, Message> fragments_;
    std::size_t fragment_bytes_ = 0;
    bool is_malformed_ = false;
};

// A message that is to be sent: appended to a text, frame by frame.
class Writer {
  public:
    // The first frame, with its head; the fixed parameters follow. May throw bad_alloc, as all.
    Writer(std::string& out, std::uint32_t type, std::uint64_t correlation);

    Writer& number(std::uint64_t value, std::size_t bytes);
    Writer& i8(std::uint8_t value) { return number(value, 1); }
    Writer& i64(std::uint64_t value) { return number(value, 8); }
    Writer& uuid(const Uuid& value);
    Writer& frame(std::uint16_t flags);
    Writer& text(std::string_view value);
    Writer& null() { return frame(flag::is_null); }
    Writer& begin() { return frame(flag::begin_structure); }
    Writer& end() { return frame(flag::end_structure); }
    // The last call.
    void finish() noexcept;

  private:
    void close_frame() noexcept;

    std::string& out_;
    std::size_t at_ = 0;  // where the newest frame begins
};

}  // namespace leaselock::hazelcast
