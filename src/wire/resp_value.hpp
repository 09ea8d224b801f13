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
    enum class Type : std::uint8_t { string, status, error, integer, nil, array, other };

    RespView() noexcept : raw_{nullptr} {}
    explicit RespView(const redisReply* raw) noexcept;
    explicit RespView(std::int64_t integer) noexcept : integer_{integer}, type_{Type::integer} {}

    // Type::other: nothing was received, or a kind that this library never asks for.
    [[nodiscard]] Type type() const noexcept { return type_; }
    [[nodiscard]] bool is_error() const noexcept { return type_ == Type::error; }

    // Of a string, a status or an error. Lives as long as the RespValue.
    [[nodiscard]] std::string_view text() const noexcept;
    [[nodiscard]] std::int64_t integer() const noexcept {
        return type_ == Type::integer ? integer_ : 0;
    }

    // Of an array. An element lives as long as the RespValue.
    [[nodiscard]] std::size_t size() const noexcept;
    [[nodiscard]] RespView at(std::size_t index) const noexcept;
    // Of a map that is written as an array of names and values; Type::other: it has no such name.
    [[nodiscard]] RespView value_of(std::string_view name) const noexcept;

  private:
    // As small as what is passed in registers.
    union {
        const redisReply* raw_;
        std::int64_t integer_;  // of an integer
    };
    Type type_ = Type::other;
};

class RespValue final : public RespView {
  public:
    RespValue() = default;
    // Takes over what the parser allocated.
    explicit RespValue(redisReply* raw) noexcept : RespView{raw}, owned_{raw} {}
    explicit RespValue(std::int64_t integer) noexcept : RespView{integer} {}
    RespValue(const RespValue&) = delete;
    RespValue& operator=(const RespValue&) = delete;
    RespValue(RespValue&& other) noexcept { swap(other); }
    RespValue& operator=(RespValue&& other) noexcept {
        swap(other);
        return *this;
    }
    ~RespValue() {
        if (owned_ != nullptr) free();
    }

  private:
    void swap(RespValue& other) noexcept {
        std::swap(static_cast<RespView&>(*this), static_cast<RespView&>(other));
        std::swap(owned_, other.owned_);
    }
    void free() noexcept;

    redisReply* owned_ = nullptr;
};

}  // namespace leaselock::wire
