#include "base/token.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <sys/random.h>
#include <utility>

#include <leaselock/detail/origin.hpp>

#include "base/chacha.hpp"

namespace leaselock::detail {
namespace {

// False: the kernel refuses.
bool draw(unsigned char* out, std::size_t bytes) noexcept {
    for (std::size_t have = 0; have < bytes;) {
        const ssize_t n = ::getrandom(out + have, bytes - have, 0);
        if (n > 0) have += static_cast<std::size_t>(n);
        if (n < 0 && errno != EINTR) return false;
    }
    return true;
}

class Generator {
  public:
    // The next token's bytes, to be wiped by the code that takes them.
    unsigned char* next() noexcept {
        const std::uint64_t mark = process_mark();
        if (seeded_in_ != mark) seed(mark);
        if (next_ == block_.size()) refill();
        return block_.data() + std::exchange(next_, next_ + token_bits_bytes);
    }

  private:
    static constexpr std::uint32_t at_once = 4;  // blocks of ChaCha
    static constexpr std::size_t quarter = at_once * chacha_block_bytes;

    [[gnu::noinline]] void seed(std::uint64_t mark) noexcept {
        key_ = {};
        if (!mix()) std::abort();
        seeded_in_ = mark;
        next_ = block_.size();
    }

    [[nodiscard]] bool mix() noexcept {
        ChaChaKey fresh;
        if (!draw(reinterpret_cast<unsigned char*>(fresh.data()), sizeof fresh)) return false;
        for (std::size_t i = 0; i < key_.size(); ++i) key_[i] ^= fresh[i];
        return true;
    }

    // The head of each block is the next key, and is never given out.
    [[gnu::noinline]] void refill() noexcept {
        (void)mix();  // a sandbox may forbid it by now: the key is as good as it was
        for (std::uint32_t i = 0; i < block_.size() / quarter; ++i) {
            chacha_blocks(8, key_, i * at_once, {},
                          std::span<unsigned char, quarter>{block_.data() + i * quarter, quarter});
        }
        std::memcpy(key_.data(), block_.data(), sizeof key_);
        std::memset(block_.data(), 0, sizeof key_);
        next_ = sizeof key_;
    }

    ChaChaKey key_{};
    // So large that the system call costs a hundredth of a lock in memory.
    std::array<unsigned char, 4 * quarter> block_{};
    std::size_t next_ = 0;
    std::uint64_t seeded_in_ = 0;  // by which process; 0: by none
};

}  // namespace

void write_random_bits(char* out) noexcept {
    constinit thread_local Generator generator;
    unsigned char* const bits = generator.next();
    std::memcpy(out, bits, token_bits_bytes);
    std::memset(bits, 0, token_bits_bytes);  // nobody finds it in memory later
}

void write_random_digits(char* out) noexcept {
    char* const bits = out + token_digits - token_bits_bytes;
    write_random_bits(bits);
    write_digits(bits, out);
}

}  // namespace leaselock::detail
