#include "core/validation.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

#include <leaselock/backend.hpp>

#include "base/token.hpp"
#include "lock/key_rule.hpp"

namespace leaselock::detail {
namespace {

using std::chrono::milliseconds;

constexpr int max_retries = 1'000'000;

bool owner_byte(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view{"._:@-"}.find(c) != std::string_view::npos;
}

[[gnu::cold, gnu::noinline]] void out_of_range(std::string_view field, Duration value,
                                               milliseconds low, milliseconds high,
                                               Failure& failure) {
    failure.set(Errc::invalid_option,
                fmt::format("{} = {} ms, allowed are {} to {} ms", field, value.value().count(),
                            low.count(), high.count()));
}

// One comparison for both ends.
inline bool is_within(milliseconds value, milliseconds low, milliseconds high) noexcept {
    const auto from_low = [low](milliseconds time) {
        return static_cast<std::uint64_t>(time.count()) - static_cast<std::uint64_t>(low.count());
    };
    return from_low(value) <= from_low(high);
}

inline bool in_range(std::string_view field, Duration value, milliseconds low, milliseconds high,
                     Failure& failure) {
    if (is_within(value.value(), low, high)) return true;
    out_of_range(field, value, low, high, failure);
    return false;
}

// Whether one of eight bytes may be below 14, as the bad ones are; never misses one.
bool suspicious(const char* eight) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    std::uint64_t word = 0;
    std::memcpy(&word, eight, sizeof word);
    return ((word - 14 * ones) & ~word & (128 * ones)) != 0;
}

// The first byte that neither a key nor a prefix may have; npos if there is none.
std::size_t bad_byte(std::string_view text) noexcept {
    std::size_t at = 0;
    while (at + 8 <= text.size() && !suspicious(text.data() + at)) at += 8;
    return text.find_first_of(std::string_view{"\0\r\n", 3}, at);
}

bool check_owner(std::string_view owner, Failure& failure) {
    if (owner.size() <= max_owner_bytes && std::all_of(owner.begin(), owner.end(), owner_byte) &&
        owner.substr(0, kept_mark.size()) != kept_mark) {
        return true;
    }
    failure.set(Errc::invalid_option,
                fmt::format("owner = '{}', allowed are at most {} bytes of [A-Za-z0-9._:@-], not "
                            "beginning with '{}'",
                            owner, max_owner_bytes, kept_mark));
    return false;
}

bool check_prefix(std::string_view prefix, Failure& failure) {
    if (prefix.size() > max_prefix_bytes) {
        failure.set(Errc::invalid_option, fmt::format("prefix has {} bytes, allowed are 0 to {}",
                                                      prefix.size(), max_prefix_bytes));
        return false;
    }
    if (bad_byte(prefix) != std::string_view::npos) {
        failure.set(Errc::invalid_option,
                    fmt::format("prefix has byte {} at {}, allowed is any but NUL, CR and LF",
                                prefix[bad_byte(prefix)] + 0, bad_byte(prefix)));
        return false;
    }
    return true;
}

// The rule is for the whole of what is in the store, whose length has been checked.
std::string_view fault_of(std::string_view prefix, std::string_view key) noexcept {
    std::array<char, max_key_bytes> whole;
    const auto end =
        std::copy(key.begin(), key.end(), std::copy(prefix.begin(), prefix.end(), whole.begin()));
    return key_fault({whole.data(), static_cast<std::size_t>(end - whole.begin())});
}

[[gnu::noinline]] bool is_key_in_full(std::string_view prefix, std::string_view key) noexcept {
    return !key.empty() && bad_byte(key) == std::string_view::npos && fault_of(prefix, key).empty();
}

// The longest min_hold: the lock of a process that died is kept for its ttl, and the guard is
// believed for its max_hold.
milliseconds most_hold(const LockOptions& options) noexcept {
    const Duration most{max_ttl};
    return std::min(options.ttl.value_or(most), options.max_hold.value_or(most)).value();
}

bool check_share(Claim share, Failure& failure) {
    if (share.is_valid()) return true;
    const bool is_some = share.of() >= 1 && share.of() <= max_permits;
    failure.set(Errc::invalid_option,
                is_some ? fmt::format("share = {} of {}, allowed are 1 to {} of {}", share.count(),
                                      share.of(), share.of(), share.of())
                        : fmt::format("share = {} of {}, allowed are permits of 1 to {}, or "
                                      "exclusive or shared",
                                      share.count(), share.of(), max_permits));
    return false;
}

// As == Guarantees{}, for which compilers jump field by field.
bool demands_nothing(const Guarantees& require) noexcept {
    const auto& [exclusion, fences, notified, fair, process_end, shares, latches, min_hold, list,
                 least_ttl] = require;
    const unsigned others = static_cast<unsigned>(exclusion) | static_cast<unsigned>(fences) |
                            unsigned{notified} | unsigned{fair} | unsigned{process_end} |
                            unsigned{shares} | unsigned{latches} | unsigned{min_hold} |
                            unsigned{list};
    return others == 0 && least_ttl == Guarantees{}.least_ttl;
}

bool check_require(const Guarantees& require, Failure& failure) {
    if (require.exclusion > Exclusion::always || require.fences > leaselock::Fences::log) {
        failure.set(
            Errc::invalid_option,
            fmt::format("require.exclusion = {}, require.fences = {}, allowed are 0 to {} "
                        "and 0 to {}",
                        static_cast<int>(require.exclusion), static_cast<int>(require.fences),
                        static_cast<int>(Exclusion::always),
                        static_cast<int>(leaselock::Fences::log)));
        return false;
    }
    return check_ttl("require.least_ttl", require.least_ttl, failure);
}

}  // namespace

bool check_ttl(std::string_view field, Duration value, Failure& failure) {
    return in_range(field, value, min_ttl, max_ttl, failure);
}

bool check_number(std::string_view field, int number, Failure& failure) {
    if (number >= 1 && number <= max_permits) return true;
    failure.set(Errc::invalid_option,
                fmt::format("{} = {}, allowed are 1 to {}", field, number, max_permits));
    return false;
}

bool is_key(std::string_view prefix, bool is_plain_prefix, std::string_view key) noexcept {
    if (prefix.size() + key.size() > max_key_bytes) return false;
    return (is_plain_prefix && is_beyond_doubt(key)) || is_key_in_full(prefix, key);
}

bool check_key(std::string_view prefix, std::string_view key, Failure& failure) {
    if (is_key(prefix, is_plain(prefix), key)) return true;
    const std::size_t bytes = prefix.size() + key.size();
    if (key.empty() || bytes > max_key_bytes) {
        failure.set(Errc::invalid_key,
                    fmt::format("key has {} bytes with its prefix of {}, allowed are {} to {}",
                                bytes, prefix.size(), prefix.size() + 1, max_key_bytes));
        return false;
    }
    if (const std::size_t at = bad_byte(key); at != std::string_view::npos) {
        failure.set(Errc::invalid_key,
                    fmt::format("key has byte {} at {}, allowed is any but NUL, CR and LF",
                                key[at] + 0, at));
        return false;
    }
    failure.set(Errc::invalid_key, fmt::format("key '{}' {}", key, fault_of(prefix, key)));
    return false;
}

bool is_plain(const LockOptions& options) noexcept {
    using namespace std::chrono_literals;
    if (options.ttl && !is_within(options.ttl->value(), min_ttl, max_ttl)) return false;
    if (options.max_hold && options.max_hold->value() < min_ttl) return false;
    if (options.wait_timeout && options.wait_timeout->value() < 0ms) return false;
    return options.retry_count >= 0 && options.retry_count <= max_retries &&
           is_within(options.retry_delay.value(), 1ms, 1h) && options.min_hold.value() == 0ms &&
           Claim{options.share}.is_exclusive() && demands_nothing(options.require);
}

bool check_options(const LockOptions& options, Failure& failure) {
    if (options.ttl && !check_ttl("ttl", *options.ttl, failure)) return false;
    if (options.wait_timeout && !in_range("wait_timeout", *options.wait_timeout, milliseconds{0},
                                          milliseconds::max(), failure)) {
        return false;
    }
    if (options.retry_count < 0 || options.retry_count > max_retries) {
        failure.set(Errc::invalid_option, fmt::format("retry_count = {}, allowed are 0 to {}",
                                                      options.retry_count, max_retries));
        return false;
    }
    if (options.max_hold &&
        !in_range("max_hold", *options.max_hold, min_ttl, milliseconds::max(), failure)) {
        return false;
    }
    return check_share(options.share, failure) && check_require(options.require, failure) &&
           in_range("retry_delay", options.retry_delay, milliseconds{1}, std::chrono::hours{1},
                    failure) &&
           in_range("min_hold", options.min_hold, milliseconds{0}, most_hold(options), failure);
}

bool check_promises(std::string_view name, const Guarantees& promised, const Guarantees& required,
                    Failure& failure) {
    if (covers(promised, required)) return true;
    const std::string who =
        name.empty() ? "the default backend" : fmt::format("backend '{}'", name);
    failure.set(Errc::not_promised, fmt::format("{}: {}", who, unmet(promised, required)));
    return false;
}

bool check_options(const ManagerOptions& options, Failure& failure) {
    if (options.clock == nullptr) {
        failure.set(Errc::invalid_option, "clock = null, allowed is any Clock");
        return false;
    }
    if (options.max_cleanups < 1 || options.max_cleanups > 1'000'000) {
        failure.set(Errc::invalid_option, fmt::format("max_cleanups = {}, allowed are 1 to 1000000",
                                                      options.max_cleanups));
        return false;
    }
    return check_prefix(options.prefix, failure) && check_owner(options.owner, failure) &&
           check_ttl("default_ttl", options.default_ttl, failure) &&
           in_range("shutdown_timeout", options.shutdown_timeout, milliseconds{0},
                    std::chrono::hours{1}, failure);
}

std::string default_owner() {
    std::array<char, 65> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    std::string owner{host.data()};
    std::replace_if(
        owner.begin(), owner.end(), [](char c) { return !owner_byte(c); }, '-');
    return fmt::format("{}:{}", owner.empty() ? "localhost" : owner, ::getpid());
}

std::string_view owner_of(std::string_view token) noexcept {
    if (token.size() <= token_digits) return {};
    const std::size_t slash = token.size() - token_digits - 1;
    const std::string_view digits = token.substr(slash + 1);
    if (token[slash] != '/' ||
        digits.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
        return {};
    }
    return token.substr(0, slash);
}

}  // namespace leaselock::detail
