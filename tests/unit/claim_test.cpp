// Goal: each claim says what it asks for and no other number, which are of one use, and the mark of
// a key is read back as that use. Method: tables, most of them at compile time.
#include <gtest/gtest.h>
#include <optional>
#include <type_traits>

#include <leaselock/claim.hpp>
#include <leaselock/detail/claim_mark.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock {
namespace {

using ClaimKind = Claim::Kind;

static_assert(Claim{}.is_exclusive() && Claim{} == exclusive);
static_assert(Claim{shared} == Claim::reader() && Claim{Share{2, 10}} == Claim::permits(2, 10));
static_assert(Claim::permits(2, 10).count() == 2 && Claim::permits(2, 10).of() == 10);
static_assert(Claim::reader().of() == 0 && Claim::await(3).count() == 0);
static_assert(Claim::count_down(3).of() == 3 && Claim::await(3).kind() == ClaimKind::await);
// What gives no lock is no share, so it cannot be asked for where a lock is.
static_assert(!std::is_constructible_v<Share, Claim>);
static_assert(!std::is_assignable_v<decltype(LockOptions::share)&, Claim>);

constexpr Claim all[] = {Claim{},
                         Claim::reader(),
                         Claim::permits(1, 2),
                         Claim::permits(1, 3),
                         Claim::count_down(2),
                         Claim::count_down(3)};

TEST(Claim, ThoseOfOneUseAreOfTheSameKindAndNumber) {
    for (const Claim& one : all) {
        for (const Claim& other : all) EXPECT_EQ(one.has_use_of(other), &one == &other);
    }
    EXPECT_TRUE(Claim::permits(2, 2).has_use_of(Claim::permits(1, 2)));
    EXPECT_TRUE(Claim::await(2).has_use_of(Claim::count_down(2)));
    EXPECT_FALSE(Claim::await(2).has_use_of(Claim::permits(1, 2)));
}

TEST(Claim, NumbersOutOfRangeAreNotValid) {
    for (const Claim& each : all) EXPECT_TRUE(each.is_valid());
    for (const int of : {0, -1, max_permits + 1}) {
        EXPECT_FALSE(Claim::permits(1, of).is_valid()) << of;
        EXPECT_FALSE(Claim::count_down(of).is_valid()) << of;
        EXPECT_FALSE(Claim::await(of).is_valid()) << of;
    }
    for (const int count : {0, -1, 4}) EXPECT_FALSE(Claim::permits(count, 3).is_valid()) << count;
    EXPECT_TRUE(Claim::permits(max_permits, max_permits).is_valid());
}

TEST(Claim, UseIsReadFromTheMarkOfTheKey) {
    EXPECT_EQ(detail::mark_of(Claim::reader()), "shared:0");
    EXPECT_EQ(detail::mark_of(Claim::permits(2, 5)), "shared:5");
    EXPECT_EQ(detail::mark_of(Claim::await(5)), "latch:5");
    for (const Claim& each : all) {
        if (each.is_exclusive()) continue;
        const std::optional<Claim> use = detail::use_of(detail::mark_of(each));
        ASSERT_TRUE(use) << detail::mark_of(each);
        EXPECT_TRUE(use->has_use_of(each)) << detail::mark_of(each);
    }
    for (const char* const other :
         {"", "shared:", "latch:", "latch:0", "shared:-1", "shared:1x", "shared:99999999999",
          "latch:10001", "shared:5/0123", "host:1/00112233445566778899aabbccddeeff"}) {
        EXPECT_EQ(detail::use_of(other), std::nullopt) << other;
    }
}

}  // namespace
}  // namespace leaselock
