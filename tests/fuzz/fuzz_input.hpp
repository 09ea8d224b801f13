// What the fuzz targets share: bytes taken apart, and a way to say that a promise was broken.
//
// Thread-safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace leaselock::fuzz {

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) noexcept
        : rest_{reinterpret_cast<const char*>(data), size} {}

    // 0 when nothing is left.
    [[nodiscard]] unsigned byte() noexcept {
        const std::string_view one = text(1);
        return one.empty() ? 0U : static_cast<unsigned char>(one.front());
    }
    [[nodiscard]] std::string_view text(std::size_t size) noexcept {
        const std::string_view front = rest_.substr(0, size);
        rest_.remove_prefix(front.size());
        return front;
    }
    // Up to the next newline, which is taken too.
    [[nodiscard]] std::string_view line() noexcept {
        const std::string_view front = rest_.substr(0, rest_.find('\n'));
        rest_.remove_prefix(front.size() + (front.size() < rest_.size() ? 1 : 0));
        return front;
    }
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

  private:
    std::string_view rest_;
};

inline void promise(bool kept, const char* what) {
    if (kept) return;
    std::fprintf(stderr, "broken promise: %s\n", what);
    std::abort();
}

[[nodiscard]] inline bool is_clean(std::string_view text) noexcept {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 32 || c == 127) return false;
    }
    return true;
}

}  // namespace leaselock::fuzz

// What libFuzzer and the replay of the corpus call.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
