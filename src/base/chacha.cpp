#include "base/chacha.hpp"

#include <cstring>

namespace leaselock::detail {
namespace {

// One word of each of four blocks.
using Lanes = std::uint32_t __attribute__((vector_size(16)));
using State = std::array<Lanes, 16>;

Lanes rotate(Lanes x, unsigned bits) noexcept { return (x << bits) | (x >> (32U - bits)); }

[[gnu::always_inline]] inline void quarter_round(State& s, std::size_t a, std::size_t b,
                                                 std::size_t c, std::size_t d) noexcept {
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate(s[b] ^ s[c], 7);
}

Lanes all(std::uint32_t word) noexcept { return Lanes{word, word, word, word}; }

State initial(const ChaChaKey& key, std::uint32_t counter, const ChaChaNonce& nonce) noexcept {
    State s{all(0x61707865U), all(0x3320646eU), all(0x79622d32U), all(0x6b206574U)};
    for (std::size_t i = 0; i < key.size(); ++i) s[4 + i] = all(key[i]);
    s[12] = Lanes{counter, counter + 1, counter + 2, counter + 3};
    for (std::size_t i = 0; i < nonce.size(); ++i) s[13 + i] = all(nonce[i]);
    return s;
}

}  // namespace

void chacha_blocks(int rounds, const ChaChaKey& key, std::uint32_t counter,
                   const ChaChaNonce& nonce,
                   std::span<unsigned char, 4 * chacha_block_bytes> out) noexcept {
    const State start = initial(key, counter, nonce);
    State s = start;
    for (int round = 0; round < rounds; round += 2) {
        for (std::size_t i = 0; i < 4; ++i) quarter_round(s, i, 4 + i, 8 + i, 12 + i);
        for (std::size_t i = 0; i < 4; ++i) {
            quarter_round(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
        }
    }
    for (std::size_t word = 0; word < s.size(); ++word) s[word] += start[word];
    std::memcpy(out.data(), s.data(), out.size());
}

}  // namespace leaselock::detail
