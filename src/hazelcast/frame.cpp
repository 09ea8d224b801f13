#include "hazelcast/frame.hpp"

#include <new>
#include <utility>

namespace leaselock::hazelcast {
namespace {

// type, correlation and, of an answer, one byte: how many backups were made.
constexpr std::size_t head_bytes = 4 + 8;
constexpr std::size_t answer_head_bytes = head_bytes + 1;

void put(std::string& out, std::size_t at, std::uint64_t value, std::size_t bytes) noexcept {
    for (std::size_t i = 0; i < bytes; ++i) {
        out[at + i] = static_cast<char>(static_cast<unsigned char>(value >> (8U * i)));
    }
}

struct Head {
    std::size_t length;
    std::uint16_t flags;
};

Head head_of(std::string_view frame) noexcept {
    return {static_cast<std::size_t>(*number_at(frame, 0, 4)),
            static_cast<std::uint16_t>(*number_at(frame, 4, 2))};
}

}  // namespace

std::optional<std::uint64_t> number_at(std::string_view content, std::size_t offset,
                                       std::size_t bytes) noexcept {
    if (offset > content.size() || content.size() - offset < bytes) return std::nullopt;
    std::uint64_t value = 0;
    for (std::size_t i = bytes; i > 0; --i) {
        value = value << 8U | static_cast<unsigned char>(content[offset + i - 1]);
    }
    return value;
}

Message::Frame Message::at(std::size_t i) const noexcept {
    const Piece& piece = pieces_[i];
    return {piece.flags, std::string_view{bytes_}.substr(piece.begin, piece.size)};
}

std::uint32_t Message::type() const noexcept {
    return static_cast<std::uint32_t>(*number_at(at(0).content, 0, 4));
}

std::uint64_t Message::correlation() const noexcept { return *number_at(at(0).content, 4, 8); }

std::optional<std::uint64_t> Message::fixed(std::size_t offset, std::size_t bytes) const noexcept {
    return number_at(at(0).content, answer_head_bytes + offset, bytes);
}

void Message::add(std::uint16_t flags, std::string_view content) {
    const std::size_t begin = bytes_.size();
    bytes_ += content;
    pieces_.push_back({flags, begin, content.size()});
}

void Message::clear() noexcept {
    bytes_.clear();
    pieces_.clear();
}

void Assembler::feed(std::string_view bytes) noexcept {
    if (is_malformed_) return;
    try {
        in_ += bytes;
    } catch (const std::bad_alloc&) {
        is_malformed_ = true;
    }
}

Assembler::Result Assembler::next(Message& out) noexcept {
    for (;;) {
        Result result = is_malformed_ ? Result::malformed : find_end();
        try {
            if (result == Result::message) result = take(out);
        } catch (const std::bad_alloc&) {
            result = Result::malformed;
        }
        is_malformed_ = result == Result::malformed;
        if (result != Result::message || out.size() > 0) return result;
    }
}

// Goes on where it stopped for want of bytes.
Assembler::Result Assembler::find_end() noexcept {
    for (;;) {
        const std::string_view rest = std::string_view{in_}.substr(end_);
        if (rest.size() < frame_head) break;
        const Head head = head_of(rest);
        if (head.length < frame_head || ++frames_ > max_frames ||
            head.length > max_message_bytes - (end_ - read_)) {
            return Result::malformed;
        }
        if (rest.size() < head.length) {
            --frames_;
            break;
        }
        end_ += head.length;
        if ((head.flags & flag::is_final) != 0) return Result::message;
    }
    drop_read();
    return Result::more;
}

void Assembler::drop_read() noexcept {
    in_.erase(0, read_);
    end_ -= read_;
    read_ = 0;
}

// Without frames: a fragment was put aside.
Assembler::Result Assembler::take(Message& out) {
    out.clear();
    while (read_ < end_) {
        const std::string_view rest = std::string_view{in_}.substr(read_);
        const Head head = head_of(rest);
        out.add(head.flags, rest.substr(frame_head, head.length - frame_head));
        read_ += head.length;
    }
    frames_ = 0;
    const std::uint16_t fragment = out.at(0).flags & flag::unfragmented;
    if (fragment != flag::unfragmented) return take_fragment(out);
    return out.at(0).content.size() < head_bytes ? Result::malformed : Result::message;
}

Assembler::Result Assembler::take_fragment(Message& out) {
    const Message::Frame first = out.at(0);
    const std::optional<std::uint64_t> number = number_at(first.content, 0, 8);
    if (!number || out.size() < 2) return Result::malformed;
    const bool begins = first.is(flag::begin_fragment);
    const auto known = fragments_.find(*number);
    if (begins != (known == fragments_.end())) return Result::malformed;
    Message& whole = begins ? fragments_[*number] : known->second;
    for (std::size_t i = 1; i < out.size(); ++i) {
        const Message::Frame frame = out.at(i);
        fragment_bytes_ += frame_head + frame.content.size();
        whole.add(frame.flags, frame.content);
    }
    if (fragment_bytes_ > max_message_bytes || fragments_.size() > max_frames) {
        return Result::malformed;
    }
    const bool ends = first.is(flag::end_fragment);
    out.clear();
    if (!ends) return Result::message;
    out = std::move(whole);
    fragments_.erase(*number);
    for (std::size_t i = 0; i < out.size(); ++i) {
        fragment_bytes_ -= frame_head + out.at(i).content.size();
    }
    return out.at(0).content.size() < head_bytes ? Result::malformed : Result::message;
}

Writer::Writer(std::string& out, std::uint32_t type, std::uint64_t correlation) : out_{out} {
    constexpr std::uint64_t any_partition = 0xFFFF'FFFF;
    frame(flag::unfragmented).number(type, 4).i64(correlation).number(any_partition, 4);
}

Writer& Writer::number(std::uint64_t value, std::size_t bytes) {
    const std::size_t end = out_.size();
    out_.resize(end + bytes);
    put(out_, end, value, bytes);
    close_frame();
    return *this;
}

// The first byte says whether there is none.
Writer& Writer::uuid(const Uuid& value) { return i8(0).i64(value.high).i64(value.low); }

Writer& Writer::frame(std::uint16_t flags) {
    at_ = out_.size();
    out_.resize(at_ + frame_head);
    put(out_, at_ + 4, flags, 2);
    close_frame();
    return *this;
}

Writer& Writer::text(std::string_view value) {
    frame(0);
    out_ += value;
    close_frame();
    return *this;
}

void Writer::finish() noexcept {
    const std::uint64_t flags = *number_at(out_, at_ + 4, 2);
    put(out_, at_ + 4, flags | flag::is_final, 2);
}

void Writer::close_frame() noexcept { put(out_, at_, out_.size() - at_, 4); }

}  // namespace leaselock::hazelcast
