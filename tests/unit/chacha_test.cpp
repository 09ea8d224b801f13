// Goal: the block function is ChaCha. Method: the published test vectors of RFC 8439, 2.3.2 and
// A.1, and for eight rounds that of the eSTREAM reference; the four blocks against one another.
#include "base/chacha.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <gtest/gtest.h>
#include <string>

namespace leaselock::detail {
namespace {

constexpr std::size_t lanes = 4;

// One of the four blocks, as hexadecimal digits in the byte order of the RFC.
std::string block_of(int rounds, const ChaChaKey& key, std::uint32_t counter,
                     const ChaChaNonce& nonce, std::size_t lane) {
    std::array<unsigned char, lanes * chacha_block_bytes> out{};
    chacha_blocks(rounds, key, counter, nonce, out);
    std::string digits;
    for (std::size_t word = 0; word < chacha_block_bytes / 4; ++word) {
        std::uint32_t value = 0;
        std::memcpy(&value, out.data() + 4 * (word * lanes + lane), 4);
        for (int byte = 0; byte < 4; ++byte, value >>= 8U) {
            digits += "0123456789abcdef"[(value >> 4U) & 15U];
            digits += "0123456789abcdef"[value & 15U];
        }
    }
    return digits;
}

constexpr ChaChaKey rfc_key{0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
                            0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c};
constexpr ChaChaNonce rfc_nonce{0x09000000, 0x4a000000, 0x00000000};

TEST(ChaCha, GivesTheBlockOfTheRfc) {
    EXPECT_EQ(block_of(20, rfc_key, 1, rfc_nonce, 0),
              "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
              "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
}

TEST(ChaCha, GivesTheKeyStreamOfTheRfcsAppendix) {
    EXPECT_EQ(block_of(20, {}, 0, {}, 0),
              "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
              "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
    EXPECT_EQ(block_of(20, {}, 0, {}, 1),
              "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
              "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
}

TEST(ChaCha, GivesTheBlockOfEightRounds) {
    EXPECT_EQ(block_of(8, {}, 0, {}, 0),
              "3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e"
              "984ce172b9216f419f445367456d5619314a42a3da86b001387bfdb80e0cfe42");
}

TEST(ChaCha, ItsFourBlocksAreThoseOfFourCounters) {
    for (const int rounds : {8, 20}) {
        for (std::size_t lane = 1; lane < lanes; ++lane) {
            EXPECT_EQ(
                block_of(rounds, rfc_key, 1, rfc_nonce, lane),
                block_of(rounds, rfc_key, static_cast<std::uint32_t>(1 + lane), rfc_nonce, 0));
        }
    }
}

}  // namespace
}  // namespace leaselock::detail
