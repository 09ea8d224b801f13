#include <atomic>
#include <cstdint>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

#include <leaselock/copies.hpp>
#include <leaselock/detail/origin.hpp>

namespace leaselock {
namespace {

using Mark = std::atomic<std::uint64_t>;

// The mark of this process lies in a page that the kernel wipes in a child. These stand for it
// where there is none yet, and where the kernel has none to give.
constinit Mark not_asked{0};
constinit Mark asks_pid{0};
constinit std::atomic<Mark*> page{&not_asked};
// How many processes have had a mark, from the first one to this: never wiped, so none comes again.
constinit std::atomic<std::uint32_t> processes{0};
// Where the pid is asked: the process that asked last, and its pid in the lower half.
constinit Mark by_pid{0};
constinit std::atomic<std::uint32_t> invalidations{0};

constexpr std::size_t page_bytes = 4096;  // or more: the kernel gives whole pages

std::uint64_t next_process() noexcept { return std::uint64_t{++processes} << 32U; }

// An emulator may say that it does whatever is asked of it, so it is asked for something that no
// kernel does.
Mark* map_page() noexcept {
    void* const memory =
        ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return &asks_pid;
    constexpr int nonsense = -1;
    if (::madvise(memory, page_bytes, nonsense) == 0 ||
        ::madvise(memory, page_bytes, MADV_WIPEONFORK) != 0) {
        ::munmap(memory, page_bytes);
        return &asks_pid;
    }
    return new (memory) Mark{0};
}

Mark* find_page() noexcept {
    Mark* found = page.load();
    if (found != &not_asked) return found;
    Mark* const fresh = map_page();
    if (page.compare_exchange_strong(found, fresh)) return fresh;
    if (fresh != &asks_pid) ::munmap(fresh, page_bytes);
    return found;
}

// A child that has the pid of an earlier process is not known, if the one in between never asked.
std::uint64_t mark_by_pid() noexcept {
    const auto pid = static_cast<std::uint32_t>(::getpid());
    std::uint64_t last = by_pid.load();
    while (static_cast<std::uint32_t>(last) != pid) {
        const std::uint64_t fresh = next_process() | pid;
        if (by_pid.compare_exchange_weak(last, fresh)) last = fresh;
    }
    return (last >> 32U << 32U) | invalidations.load();
}

// The first time in this process.
[[gnu::noinline]] std::uint64_t make_mark() noexcept {
    Mark* const found = find_page();
    if (found == &asks_pid) return mark_by_pid();
    std::uint64_t mark = 0;
    const std::uint64_t fresh = next_process();
    return found->compare_exchange_strong(mark, fresh) ? fresh : mark;
}

}  // namespace

namespace detail {

std::uint64_t process_mark() noexcept {
    const std::uint64_t mark =
        page.load(std::memory_order_acquire)->load(std::memory_order_relaxed);
    return mark != 0 ? mark : make_mark();
}

}  // namespace detail

void invalidate_copies() noexcept {
    (void)detail::process_mark();
    Mark* const found = page.load();
    if (found == &asks_pid) {
        ++invalidations;
    } else {
        ++*found;
    }
}

}  // namespace leaselock
