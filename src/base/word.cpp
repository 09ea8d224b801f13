#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <leaselock/detail/word.hpp>

namespace leaselock {
namespace {

void futex(const std::atomic<std::uint32_t>* word, int what, std::uint32_t value,
           const timespec* time) noexcept {
    ::syscall(SYS_futex, word, what, value, time, nullptr, 0);
}

}  // namespace

void WakeUp::wake() const noexcept {
    if (bell_ < 0) return futex(word_, FUTEX_WAKE_PRIVATE, 1, nullptr);
    const std::uint64_t one = 1;
    (void)!::write(bell_, &one, sizeof one);
}

void detail::Word::sleep(const std::atomic<Bits>& word, Bits value,
                         std::chrono::nanoseconds at_most) noexcept {
    constexpr std::chrono::nanoseconds::rep second = 1'000'000'000;
    const timespec time{.tv_sec = at_most.count() / second, .tv_nsec = at_most.count() % second};
    futex(&word, FUTEX_WAIT_PRIVATE, value, &time);
}

}  // namespace leaselock
