// One answer of a server. A RespValue owns it, a RespView looks at it or at an element of it; a
// RespValue is a RespView, so what reads a reply takes a view. Filled by Connection::receive.
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

class RespView {
  public:
    enum class Type { string, status, error, integer, nil, array, other };

    RespView() = default;
    explicit RespView(const redisReply* raw) noexcept : raw_(raw) {}

    // Type::other: nothing was received, or a kind that this library never asks for.
    [[nodiscard]] Type type() const noexcept;
    [[nodiscard]] bool is_error() const noexcept { return type() == Type::error; }

    // Of a string, a status or an error. Lives as long as the RespValue.
    [[nodiscard]] std::string_view text() const noexcept;
    [[nodiscard]] std::int64_t integer() const noexcept;

    // Of an array. An element lives as long as the RespValue.
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] RespView at(std::size_t index) const noexcept;

  protected:
    const redisReply* raw_ = nullptr;
};

class RespValue final : public RespView {
  public:
    RespValue() = default;
    // Takes over what the parser allocated.
    explicit RespValue(redisReply* raw) noexcept : RespView(raw), owned_(raw) {}
    RespValue(const RespValue&) = delete;
    RespValue& operator=(const RespValue&) = delete;
    RespValue(RespValue&& other) noexcept
        : RespView(std::exchange(other.raw_, nullptr)),
          owned_(std::exchange(other.owned_, nullptr)) {}
    RespValue& operator=(RespValue&& other) noexcept;
    ~RespValue();

  private:
    redisReply* owned_ = nullptr;
};

}  // namespace leaselock::wire
