// One answer of a server. A Reply owns it, a ReplyView looks at it or at an element of it; a Reply
// is a ReplyView, so what reads a reply takes a view. Filled by Connection::receive.
//
// The peer decides what is in a reply, so every question has an answer: text() of something that
// has no text is empty, integer() of no integer is 0, at() beyond the end is of Type::other.
//
// Thread-safety: none; const calls on one reply may run at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

struct redisReply;

namespace leaselock::wire {

class ReplyView {
  public:
    enum class Type { string, status, error, integer, nil, array, other };

    ReplyView() = default;
    explicit ReplyView(const redisReply* raw) noexcept : raw_(raw) {}

    // Type::other: nothing was received, or a kind that this library never asks for.
    [[nodiscard]] Type type() const noexcept;
    [[nodiscard]] bool is_error() const noexcept { return type() == Type::error; }

    // Of a string, a status or an error. Lives as long as the Reply.
    [[nodiscard]] std::string_view text() const noexcept;
    [[nodiscard]] std::int64_t integer() const noexcept;

    // Of an array. An element lives as long as the Reply.
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] ReplyView at(std::size_t index) const noexcept;

  protected:
    const redisReply* raw_ = nullptr;
};

class Reply final : public ReplyView {
  public:
    Reply() = default;
    // Takes over what the parser allocated.
    explicit Reply(redisReply* raw) noexcept : ReplyView(raw), owned_(raw) {}
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;
    Reply(Reply&& other) noexcept
        : ReplyView(std::exchange(other.raw_, nullptr)),
          owned_(std::exchange(other.owned_, nullptr)) {}
    Reply& operator=(Reply&& other) noexcept;
    ~Reply();

  private:
    redisReply* owned_ = nullptr;
};

}  // namespace leaselock::wire
