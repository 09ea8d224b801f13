#include "redis/hash_slot.hpp"

#include <algorithm>
#include <cstddef>

namespace leaselock::redis {
namespace {

constexpr int slot_bits = 14;
constexpr SlotLetters first_letters{'h', 'h', 'h'};
// Of 'h', these bits give the letters h to w and H to W.
constexpr std::array<std::uint8_t, 5> free_bits{0x01, 0x02, 0x04, 0x18, 0x20};

struct Flip {
    SlotLetters letters{};   // which of their bits
    std::uint16_t slot = 0;  // what these turn over; 0: there is none
};
// By the highest bit of the slot that each turns over.
using Basis = std::array<Flip, slot_bits>;

constexpr void combine(Flip& flip, const Flip& with) noexcept {
    for (std::size_t i = 0; i < flip.letters.size(); ++i) {
        flip.letters[i] = static_cast<char>(flip.letters[i] ^ with.letters[i]);
    }
    flip.slot ^= with.slot;
}

// Adds what is not a combination of those that are there.
constexpr void add(Basis& basis, Flip flip) noexcept {
    for (int bit = slot_bits - 1; bit >= 0 && flip.slot != 0; --bit) {
        if ((flip.slot >> bit & 1) == 0) continue;
        Flip& known = basis[static_cast<std::size_t>(bit)];
        if (known.slot == 0) {
            known = flip;
            return;
        }
        combine(flip, known);
    }
}

constexpr Basis make_basis() noexcept {
    Basis basis{};
    for (std::size_t position = 0; position < first_letters.size(); ++position) {
        for (const std::uint8_t bits : free_bits) {
            Flip flip;
            flip.letters[position] = static_cast<char>(bits);
            flip.slot = crc16({flip.letters.data(), flip.letters.size()}) & last_slot;
            add(basis, flip);
        }
    }
    return basis;
}

constexpr Basis basis = make_basis();
static_assert(std::all_of(basis.begin(), basis.end(),
                          [](const Flip& each) { return each.slot != 0; }),
              "three letters lead to every slot");

// The letters' bits that turn over what each number of so many bits says, `shift` bits up.
constexpr int half_bits = slot_bits / 2;
using Half = std::array<SlotLetters, 1 << half_bits>;
constexpr Half make_half(int shift) noexcept {
    Half half{};
    for (std::size_t number = 0; number < half.size(); ++number) {
        Flip flip;
        flip.slot = static_cast<std::uint16_t>(number << shift);
        for (int bit = slot_bits - 1; bit >= 0; --bit) {
            if ((flip.slot >> bit & 1) != 0) combine(flip, basis[static_cast<std::size_t>(bit)]);
        }
        half[number] = flip.letters;
    }
    return half;
}
constexpr Half low_half = make_half(0);
constexpr Half high_half = make_half(half_bits);

}  // namespace

SlotLetters letters_for(std::uint16_t head, std::uint16_t slot) noexcept {
    const std::string_view first{first_letters.data(), first_letters.size()};
    const auto flips = static_cast<std::size_t>((crc16(first, head) & last_slot) ^ slot);
    const SlotLetters& low = low_half[flips % low_half.size()];
    const SlotLetters& high = high_half[flips / low_half.size()];
    SlotLetters letters = first_letters;
    for (std::size_t i = 0; i < letters.size(); ++i) {
        letters[i] = static_cast<char>(letters[i] ^ low[i] ^ high[i]);
    }
    return letters;
}

}  // namespace leaselock::redis
