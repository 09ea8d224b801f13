// What a caller may ask of one acquisition, and of a manager as a whole. Plain aggregates with
// initialisers, so that designated initialisers work: {.ttl = 10s, .wait = true}. Precedence: what
// the call says, then what the manager says, then the default written here. Every value is checked
// before any I/O; a wrong one is Errc::invalid_option, its text names field, value and range.
//
// Thread-safety: plain values.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <leaselock/claim.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/guarantees.hpp>

namespace leaselock {

class Observer;

// Milliseconds, made from any std::chrono duration. Parts of a millisecond round up, and what does
// not fit saturates, so hours::max() stays the longest time and never becomes a negative one.
// Not a number becomes the most negative value, which every option refuses.
class Duration {
  public:
    // From 10s, 250ms, 1h and the like.
    template <class Rep, class Period>
    // NOLINTNEXTLINE(google-explicit-constructor): {.ttl = 10s} is what it is for.
    constexpr Duration(std::chrono::duration<Rep, Period> d) noexcept : value_{saturate(d)} {}

    [[nodiscard]] constexpr std::chrono::milliseconds value() const noexcept { return value_; }
    friend constexpr bool operator==(Duration, Duration) noexcept = default;
    friend constexpr auto operator<=>(Duration, Duration) noexcept = default;

  private:
    using Ms = std::chrono::milliseconds;

    template <class Rep, class Period>
    static constexpr Ms saturate(std::chrono::duration<Rep, Period> d) noexcept {
        using Wide = std::chrono::duration<long double, std::milli>;
        const Wide wide = std::chrono::duration_cast<Wide>(d);
        if (wide.count() != wide.count()) return Ms::min();
        if (wide >= Wide{Ms::max()}) return Ms::max();
        if (wide <= Wide{Ms::min()}) return Ms::min();
        const Ms whole{static_cast<Ms::rep>(wide.count())};
        return Wide{whole} < wide ? whole + Ms{1} : whole;
    }

    Ms value_;
};

// A wait without an end.
inline constexpr Duration forever{std::chrono::milliseconds::max()};

// Whether the manager prolongs a held lock.
enum class Renewal : std::uint8_t {
    automatic,  // at a third of its ttl, as long as the guard lives
    off,        // it ends at its ttl
};

// Options of one call. Trivially destructible on purpose (g++ 12 destroys any other aggregate
// argument twice inside co_await), so its texts are views, which must live as long as the call that
// is given them; what is needed later is copied. For a coroutine, the call ends where async_acquire
// returns.
struct LockOptions {
    // How long the backend keeps the lock if the holder goes silent. 10 ms to 24 h. Unset: the
    // manager's default_ttl. Shorter frees the lock of a dead holder sooner; longer forgives more.
    std::optional<Duration> ttl{};
    // Whether a held lock is waited for.
    bool wait = false;
    // The wait ends after this time. Implies `wait`. 0 or more; `forever` is allowed. Unset: it
    // ends after retry_count x retry_delay.
    std::optional<Duration> wait_timeout{};
    // 0 to 1'000'000.
    int retry_count = 3;
    // The pause between two polls of a held lock, with jitter of up to a quarter. 1 ms to 1 h.
    // Shorter finds a freed lock sooner and costs more commands. Where the backend has a queue a
    // release wakes the next waiter, so it counts for locks that expire, and for messages that are
    // lost: the first waiter polls at this pause, but once a second at least, so that its queue
    // entry stays; the others about once a second, and so does the first where the backend
    // notifies of the end of a holder.
    Duration retry_delay = std::chrono::milliseconds{100};
    // Whether the lock is prolonged while the guard lives, so that work may take longer than the
    // ttl, and a holder that dies is still found out soon.
    Renewal renewal = Renewal::automatic;
    // The longest that the guard is believed, counted from the acquisition: then renewal stops and
    // the lock counts as lost. 10 ms or more. Unset: no limit.
    std::optional<Duration> max_hold{};
    // Release keeps the lock for the rest of this time, counted from the acquisition, so that a
    // scheduled job does not run twice; so does the end of the process. 0 to the least of ttl,
    // max_hold and 24 h. Where no ttl is given, it is this one if that is longer than the
    // manager's.
    Duration min_hold = std::chrono::milliseconds{0};
    // How much of the lock: `exclusive` all of it, `shared` a reader's share, {2, 10} two of ten
    // permits. What waits for shares is served in the order of arrival, as all that waits.
    Share share{};
    // Which registered backend. Empty: the manager's.
    std::string_view backend{};
    // What that backend must promise at least, {.fair = true} say. One that promises less refuses
    // the call before any I/O: Errc::not_promised. Each field in its range, `least_ttl` 10 ms to
    // 24 h.
    Guarantees require{};
    // What observers and statistics call all keys of this kind: a text that does not have the
    // key's values in it, a literal as a rule. The macros fill in the template that they are given.
    std::string_view key_template{};
};
static_assert(std::is_trivially_destructible_v<LockOptions>);

// Options of a manager.
struct ManagerOptions {
    // Put before every key. At most 256 bytes, any but NUL, CR and LF.
    std::string prefix = "hazel:lock:";
    // The name by which others see us: at most 128 bytes of [A-Za-z0-9._:@-], not beginning with
    // "kept:". Empty: host:pid.
    std::string owner{};
    // The ttl of calls that do not say one. 10 ms to 24 h.
    Duration default_ttl = std::chrono::seconds{30};
    // The backend of calls that do not say one.
    std::string backend = "memory";
    // Where the time comes from. Never null.
    std::shared_ptr<Clock> clock = boot_clock();
    // How long the manager's destructor, and the end of the process for default_manager(), may take
    // to deliver releases that are not delivered yet. 0 to 1 h.
    Duration shutdown_timeout = std::chrono::seconds{1};
    // How many locks may be owed a release whose outcome is not known. Beyond, acquire is refused
    // with Errc::too_many_cleanups. 1 to 1'000'000.
    int max_cleanups = 10'000;
    // Notified of what happens; null: nothing is.
    std::shared_ptr<Observer> observer{};
};

inline constexpr std::size_t max_key_bytes = 512;     // with the prefix
inline constexpr std::size_t max_prefix_bytes = 256;  // leaves room for a key
inline constexpr std::size_t max_owner_bytes = 128;
inline constexpr std::size_t max_pattern_bytes = 2 * max_key_bytes;  // every byte may be escaped

// The use that is made of a key now.
enum class KeyUse : std::uint8_t {
    free,   // none
    whole,  // one holder has all of the lock, by leaselock or other software
    readers,
    permits,
    latch,
};

// What is known of a key.
struct LockInfo {
    bool held = false;  // its use is another one than `free`
    KeyUse use = KeyUse::free;
    // How many read, have a permit or have counted the latch down. 0 for the other uses.
    int taken = 0;
    // How many permits there are, or must count the latch down; 0 for the other uses.
    int of = 0;
    // Its holder, as the store has it: not made printable(). Empty if other software does, or if
    // shares are taken.
    std::string owner{};
    // How long its lease has to run at the backend; of several holders, the longest.
    std::chrono::milliseconds remaining{0};
    // At least the holder's fencing token, of several holders the newest one's, and below that of
    // the next grant; 0 if the key is free or other software holds it.
    std::uint64_t fencing_token = 0;
    // Released, and kept until its min_hold is over.
    bool kept = false;
    // How many wait in the store's queue; one that died a moment ago may still be counted.
    int waiting = 0;

    // How many permits are free, or have still to count the latch down. 0 for the other uses.
    [[nodiscard]] constexpr int left() const noexcept { return of > taken ? of - taken : 0; }
};

// One of those that LockManager::list gives.
struct ListedLock {
    std::string key;  // without the manager's prefix; not made printable()
    LockInfo info;
};

// What a release came to.
enum class ReleaseResult {
    released,  // it was ours, and is free now (or kept for its min_hold)
    lost,      // it was not ours any more
    not_held,  // there was nothing to release: done before, or never acquired
    unknown,   // no answer: it may still be held until its ttl is over
};

}  // namespace leaselock
