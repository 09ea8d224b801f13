#include "manager/token.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sys/random.h>

namespace leaselock::detail {
namespace {

std::atomic<unsigned> forks{0};

// Registered once, when the library is loaded: from the child's first instruction on, its blocks
// are stale.
const int at_fork = ::pthread_atfork(nullptr, nullptr, [] { ++forks; });

struct Block {
    std::array<unsigned char, 1024> bytes;
    std::size_t next = sizeof bytes;
    unsigned drawn_in = 0;  // the value of `forks` then
};

void draw(Block& block) noexcept {
    block.drawn_in = forks.load(std::memory_order_relaxed);
    for (std::size_t have = 0; have < block.bytes.size();) {
        const ssize_t n = ::getrandom(block.bytes.data() + have, block.bytes.size() - have, 0);
        if (n > 0) have += static_cast<std::size_t>(n);
        if (n < 0 && errno != EINTR) std::abort();
    }
    block.next = 0;
}

}  // namespace

void write_random_digits(char* out) noexcept {
    thread_local Block block;
    if (at_fork != 0) std::abort();
    if (block.next == block.bytes.size() ||
        block.drawn_in != forks.load(std::memory_order_relaxed)) {
        draw(block);
    }
    constexpr char digits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < token_digits / 2; ++i) {
        unsigned char& byte = block.bytes[block.next++];
        *out++ = digits[byte >> 4U];
        *out++ = digits[byte & 15U];
        byte = 0;  // used: nobody finds it in memory later
    }
}

}  // namespace leaselock::detail
