// Goal: each code has a fixed value, one family, a text of its own and the nearest standard
// condition. Method: a table of all of them.
#include <gtest/gtest.h>
#include <optional>
#include <set>
#include <string>
#include <system_error>

#include <leaselock/error.hpp>

namespace leaselock {
namespace {

using namespace std::chrono_literals;

struct Row {
    Errc code;
    int value;
    Family family;
    std::errc nearest;
};

constexpr Row table[] = {
    {Errc::held, 101, Family::contended, std::errc::device_or_resource_busy},
    {Errc::wait_timed_out, 102, Family::contended, std::errc::timed_out},
    {Errc::cancelled, 103, Family::contended, std::errc::operation_canceled},
    {Errc::invalid_key, 201, Family::refused, std::errc::invalid_argument},
    {Errc::invalid_option, 202, Family::refused, std::errc::invalid_argument},
    {Errc::unknown_backend, 203, Family::refused, std::errc::invalid_argument},
    {Errc::registry_frozen, 204, Family::refused, std::errc::operation_not_permitted},
    {Errc::invalid_url, 205, Family::refused, std::errc::invalid_argument},
    {Errc::invalid_template, 206, Family::refused, std::errc::invalid_argument},
    {Errc::authentication_failed, 207, Family::refused, std::errc::permission_denied},
    {Errc::access_denied, 208, Family::refused, std::errc::permission_denied},
    {Errc::corrupt, 209, Family::refused, std::errc::bad_message},
    {Errc::not_supported, 210, Family::refused, std::errc::not_supported},
    {Errc::tls_failed, 211, Family::refused, std::errc::permission_denied},
    {Errc::directory_unusable, 214, Family::refused, std::errc::io_error},
    {Errc::not_promised, 215, Family::refused, std::errc::not_supported},
    {Errc::would_deadlock, 216, Family::refused, std::errc::resource_deadlock_would_occur},
    {Errc::unknown_master, 217, Family::refused, std::errc::invalid_argument},
    {Errc::connect_failed, 301, Family::unavailable, std::errc::not_connected},
    {Errc::loading, 302, Family::unavailable, std::errc::resource_unavailable_try_again},
    {Errc::read_only, 303, Family::unavailable, std::errc::read_only_file_system},
    {Errc::out_of_memory, 304, Family::unavailable, std::errc::not_enough_memory},
    {Errc::not_enough_replicas, 305, Family::unavailable,
     std::errc::resource_unavailable_try_again},
    {Errc::busy, 306, Family::unavailable, std::errc::resource_unavailable_try_again},
    {Errc::misconfigured, 307, Family::unavailable, std::errc::resource_unavailable_try_again},
    {Errc::too_many_clients, 308, Family::unavailable, std::errc::resource_unavailable_try_again},
    {Errc::cluster_down, 309, Family::unavailable, std::errc::resource_unavailable_try_again},
    {Errc::stale, 310, Family::unavailable, std::errc::timed_out},
    {Errc::granted_too_late, 311, Family::unavailable, std::errc::timed_out},
    {Errc::sentinels_disagree, 315, Family::unavailable, std::errc::resource_unavailable_try_again},
    {Errc::not_replicated, 316, Family::unavailable, std::errc::resource_unavailable_try_again},
    {Errc::command_timed_out, 401, Family::unknown, std::errc::timed_out},
    {Errc::connection_lost, 402, Family::unknown, std::errc::connection_reset},
    {Errc::protocol_error, 403, Family::unknown, std::errc::protocol_error},
    {Errc::unexpected_reply, 404, Family::unknown, std::errc::protocol_error},
    {Errc::lost, 501, Family::lost, std::errc::owner_dead},
    {Errc::fenced_off, 502, Family::lost, std::errc::owner_dead},
    {Errc::session_expired, 503, Family::lost, std::errc::owner_dead},
};
constexpr Family families[] = {Family::contended, Family::refused, Family::unavailable,
                               Family::unknown, Family::lost};

TEST(Error, CodesHaveFixedValuesOneFamilyAndAStandardCondition) {
    for (const Row& row : table) {
        const std::error_code code = row.code;
        EXPECT_EQ(code.value(), row.value);
        EXPECT_EQ(&code.category(), &error_category());
        EXPECT_EQ(code, row.code);
        EXPECT_EQ(code, row.nearest) << code.message();
        EXPECT_EQ(family(row.code), row.family);
        for (const Family each : families) {
            EXPECT_EQ(code == each, each == row.family) << code.message();
        }
    }
}

TEST(Error, EachCodeHasATextOfItsOwn) {
    std::set<std::string> texts;
    for (const Row& row : table) {
        const std::string text = std::error_code{row.code}.message();
        EXPECT_NE(text, "unknown leaselock error") << row.value;
        EXPECT_TRUE(texts.insert(text).second) << text;
    }
    EXPECT_EQ(error_category().message(999), "unknown leaselock error");
}

TEST(Error, FamiliesHaveTextsToo) {
    std::set<std::string> texts;
    for (const Family each : families) texts.insert(std::error_condition{each}.message());
    EXPECT_EQ(texts,
              (std::set<std::string>{"contended", "refused", "unavailable", "unknown", "lost"}));
    EXPECT_EQ(family_category().message(9), "unknown family");
}

TEST(Error, CategoriesHaveNames) {
    EXPECT_STREQ(error_category().name(), "leaselock");
    EXPECT_STREQ(family_category().name(), "leaselock.family");
}

TEST(Error, OtherCategoriesAreNeverTakenForOurs) {
    const std::error_code foreign{101, std::generic_category()};
    EXPECT_NE(foreign, Errc::held);
    for (const Family each : families) EXPECT_NE(foreign, each);
    EXPECT_NE(std::error_code{}, Family::contended);
}

TEST(Error, OneHandlerTakesThemAll) {
    const auto is_error = [](const auto& thrown) {
        try {
            throw thrown;
        } catch (const Error& error) {
            return error.code() == thrown.code();
        }
    };
    EXPECT_TRUE(is_error(LockError{Errc::loading, "detail"}));
    EXPECT_TRUE(is_error(LockNotAcquired{Errc::held, "key", "owner", 5ms}));
    EXPECT_TRUE(is_error(LockLost{"key"}));
    EXPECT_TRUE(is_error(LockLost{3, 4}));
}

TEST(Error, ACopyTellsTheSameWhenTheFirstIsGone) {
    static_assert(std::is_nothrow_copy_constructible_v<LockNotAcquired>);
    std::optional<LockNotAcquired> first{std::in_place, Errc::cancelled, "key", "owner", 5ms};
    const std::string text = first->what();
    const LockNotAcquired copy{*first};  // NOLINT(performance-unnecessary-copy-initialization)
    first.reset();
    EXPECT_EQ(copy.key(), "key");
    EXPECT_EQ(copy.owner(), "owner");
    EXPECT_EQ(copy.remaining(), 5ms);
    EXPECT_EQ(copy.reason(), LockNotAcquired::Reason::cancelled);
    EXPECT_EQ(copy.what(), text);
}

}  // namespace
}  // namespace leaselock
