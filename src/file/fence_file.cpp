#include "file/fence_file.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fcntl.h>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include <leaselock/clock.hpp>
#include <leaselock/error.hpp>

#include "file/directory.hpp"
#include "file/failure.hpp"

namespace leaselock::file {
namespace {

using detail::MutexLock;
using std::chrono::microseconds;

constexpr const char* fence_name = ".fence";
constexpr std::uint64_t largest_token =
    (std::uint64_t{1} << 53U) - 1;  // that JSON and Lua know exactly
// How far the wall clock may be ahead before the base is raised, and how far below what was given
// before that is not believed.
constexpr std::uint64_t slack = 1'000'000;
constexpr std::uint64_t farthest = std::uint64_t{24} * 3600 * 1'000'000;
// What a hand-over to very many is ahead of the clock.
constexpr std::uint64_t a_moment = 10'000;
// What a token is ahead that was given just now: not worth a sleep.
constexpr std::uint64_t an_instant = 20;

template <class Time>
std::uint64_t in_us(Time time) noexcept {
    const auto us = std::chrono::duration_cast<microseconds>(time.time_since_epoch()).count();
    return us > 0 ? static_cast<std::uint64_t>(us) : 0;
}
std::uint64_t since_boot() noexcept {
    static Clock& clock = *boot_clock();  // which is never destroyed
    return in_us(clock.now());
}
std::uint64_t wall() noexcept { return in_us(std::chrono::system_clock::now()); }

bool can_be(std::uint64_t token, std::uint64_t wall) noexcept {
    return token <= largest_token && token <= wall + farthest;
}

[[noreturn]] void refuse(const std::string& why) { throw FileError(Errc::directory_unusable, why); }

void nap() {
    Waker nobody;
    const auto clock = boot_clock();
    clock->sleep_until(clock->now() + microseconds{50}, nobody);
}

// One process changes the base at a time. One that is stopped there holds up only those for which
// the base is too low, which it is at the first use since a boot.
class Turn {
  public:
    explicit Turn(const Descriptor& file) noexcept : file_{file} {
        for (int tries = 0; tries < 100 && !taken_; ++tries) {
            taken_ = set(F_WRLCK);
            if (!taken_) nap();
        }
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { (void)set(F_UNLCK); }
    explicit operator bool() const noexcept { return taken_; }

  private:
    [[nodiscard]] bool set(short type) const noexcept {
        struct flock what {};
        what.l_type = type;
        what.l_len = 1;
        return ::fcntl(file_.get(), F_OFD_SETLK, &what) == 0;
    }

    const Descriptor& file_;
    bool taken_ = false;
};

}  // namespace

std::string FenceFile::path() const { return directory_.path() + '/' + fence_name; }

void FenceFile::open() {
    constexpr Content none;
    file_ = directory_.open_or_make_file(fence_name,
                                         {reinterpret_cast<const char*>(&none), sizeof none});
    (void)directory_.look_at_file(file_, fence_name);
}

// What is far ahead of the clock is somebody's mistake, and would stay for ever.
FenceFile::Times FenceFile::read() {
    const ssize_t got = ::pread(file_.get(), &content_, sizeof content_, 0);
    if (got < 0) raise("cannot read", path());
    if (got != sizeof content_) {
        refuse(fmt::format("'{}' was cut off; remove it while no lock of its directory is held",
                           path()));
    }
    const Times now{.since_boot = since_boot(), .wall = wall()};
    const std::uint64_t next = std::max(content_.last, content_.base + now.since_boot);
    if (content_.base <= largest_token && can_be(next, now.wall)) return now;
    refuse(
        fmt::format("'{}' says that fencing token {} was given, more than a day ahead of the "
                    "clock: set that if it is wrong, or remove the file while no lock of its "
                    "directory is held",
                    path(), next));
}

void FenceFile::write(std::uint64_t number, off_t at, SizeLimit& limit) {
    const std::string_view bytes{reinterpret_cast<const char*>(&number), sizeof number};
    if (!wrote_at(file_, bytes, at, limit)) raise("cannot write", path());
}

bool FenceFile::gives(std::uint64_t since_boot) const {
    return content_.base + since_boot > std::max(content_.last, given_);
}

FenceFile::Times FenceFile::raise_base(SizeLimit& limit) {
    const Turn turn{file_};
    const Times now = read();
    if (!turn) {
        if (gives(now.since_boot)) return now;
        throw FileError(Errc::busy,
                        fmt::format("another process is inside '{}' and does not go on", path()));
    }
    const std::uint64_t next =
        std::max({now.wall, content_.last + 1, given_ + 1, content_.base + now.since_boot});
    content_.base = next - std::min(next, now.since_boot);
    write(content_.base, offsetof(Content, base), limit);
    return now;
}

FenceFile::Times FenceFile::catch_up(Times now, SizeLimit& limit) {
    for (; !gives(now.since_boot); now.since_boot = since_boot()) {
        const std::uint64_t given = std::max(content_.last, given_);
        const std::uint64_t ahead = given - std::min(given, content_.base + now.since_boot);
        if (ahead > a_moment) {
            (void)raise_base(limit);
        } else if (ahead > an_instant) {
            nap();
        }
    }
    return now;
}

detail::Fences FenceFile::fences(std::uint64_t floor, SizeLimit& limit) {
    const MutexLock lock{mutex_};
    if (!file_ || is_removed(file_)) open();
    Times now = read();
    if (!can_be(floor, now.wall)) {
        refuse(
            fmt::format("the lock's file says that fencing token {} was given, more than a day "
                        "ahead of the clock",
                        floor));
    }
    if (content_.base + now.since_boot + slack < now.wall) now = raise_base(limit);
    now = catch_up(now, limit);
    given_ = std::max(given_, content_.last);
    return {.last = floor, .at_least = content_.base + now.since_boot};
}

// It is written first, since the clock goes on meanwhile. The next one has to be above it for
// whatever process, so the clock has to be when the key's file is left.
void FenceFile::publish(std::uint64_t token, SizeLimit& limit) {
    const MutexLock lock{mutex_};
    given_ = std::max(given_, token);
    write(given_, offsetof(Content, last), limit);
    (void)catch_up({.since_boot = since_boot()}, limit);
}

}  // namespace leaselock::file
