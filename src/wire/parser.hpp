// Bytes in, replies out: RESP without a socket, so that it can be tested and fuzzed alone. Used by
// Connection. What the peer may cost is bounded here: a reply has at most max_reply_bytes on the
// wire and its arrays at most max_array_elements each, so that no memory is taken, and no time
// spent, because a peer announces something.
//
// Thread-safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "wire/resp_value.hpp"
#include "wire/sink.hpp"

struct redisReader;

namespace leaselock::wire {

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Sink
class Parser final : public Sink {
  public:
    static constexpr std::size_t max_reply_bytes = std::size_t{1} << 20;
    static constexpr std::size_t max_array_elements = 4096;

    enum class Result {
        reply,      // `out` has the next reply
        more,       // none is complete
        malformed,  // not RESP, over a bound, or no memory; it stays like that
    };

    // Throws std::bad_alloc.
    Parser();

    void feed(std::string_view bytes) noexcept override;

    // Takes the next reply out of what was fed. `out` changes with Result::reply only.
    [[nodiscard]] Result next(RespValue& out) noexcept;

    // Whether nothing is left of what was fed.
    [[nodiscard]] bool is_empty() const noexcept { return unread_ == 0 && !has_integer_; }

  private:
    struct Free {
        void operator()(redisReader* reader) const noexcept;
    };

    [[nodiscard]] bool take_integer(std::string_view bytes) noexcept;

    std::int64_t integer_ = 0;  // of a reply that is one
    bool has_integer_ = false;  // and comes before what the reader has
    std::unique_ptr<redisReader, Free> reader_;
    std::size_t unread_ = 0;  // bytes that the reader was fed since the end of its last reply
};

}  // namespace leaselock::wire
