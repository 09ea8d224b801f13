#include "manager/token.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sys/random.h>
#include <utility>

#include "manager/chacha.hpp"

namespace leaselock::detail {
namespace {

constexpr std::size_t token_bytes = token_digits / 2;

// All bytes at once: loops of a fixed length without branches, which compilers turn into a few
// vector instructions.
void write_hex(const unsigned char* bytes, char* out) noexcept {
    std::array<unsigned char, token_digits> nibbles;
    for (std::size_t i = 0; i < token_bytes; ++i) {
        nibbles[2 * i] = bytes[i] >> 4U;
        nibbles[2 * i + 1] = bytes[i] & 15U;
    }
    for (std::size_t i = 0; i < token_digits; ++i) {
        const int beyond_nine = nibbles[i] > 9 ? 'a' - '0' - 10 : 0;
        out[i] = static_cast<char>(nibbles[i] + '0' + beyond_nine);
    }
}

// Registered once, when the library is loaded. A child's generators are stale from its first
// instruction on.
std::atomic<unsigned> forks{0};
const int at_fork = ::pthread_atfork(nullptr, nullptr, [] { ++forks; });

void draw(unsigned char* out, std::size_t bytes) noexcept {
    for (std::size_t have = 0; have < bytes;) {
        const ssize_t n = ::getrandom(out + have, bytes - have, 0);
        if (n > 0) have += static_cast<std::size_t>(n);
        if (n < 0 && errno != EINTR) std::abort();
    }
}

class Generator {
  public:
    // The next token's bytes, to be wiped by who takes them.
    unsigned char* next() noexcept {
        const unsigned now = fork_count();
        if (!seeded_ || seeded_after_ != now) {
            if (at_fork != 0) std::abort();
            draw(reinterpret_cast<unsigned char*>(key_.data()), sizeof key_);
            seeded_ = true;
            seeded_after_ = now;
            next_ = block_.size();
        }
        if (next_ == block_.size()) refill();
        return block_.data() + std::exchange(next_, next_ + token_bytes);
    }

  private:
    // The head of each block is the next key, and is never given out.
    void refill() noexcept {
        chacha_blocks(8, key_, 0, {}, block_);
        std::memcpy(key_.data(), block_.data(), sizeof key_);
        std::memset(block_.data(), 0, sizeof key_);
        next_ = sizeof key_;
    }

    ChaChaKey key_{};
    std::array<unsigned char, 4 * chacha_block_bytes> block_{};
    std::size_t next_ = 0;
    bool seeded_ = false;
    unsigned seeded_after_ = 0;
};

}  // namespace

unsigned fork_count() noexcept { return forks.load(std::memory_order_relaxed); }

void write_random_digits(char* out) noexcept {
    constinit thread_local Generator generator;
    unsigned char* const bytes = generator.next();
    write_hex(bytes, out);
    std::memset(bytes, 0, token_bytes);  // nobody finds it in memory later
}

}  // namespace leaselock::detail
