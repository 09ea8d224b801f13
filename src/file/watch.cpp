#include "file/watch.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "file/glimpse.hpp"
#include "threads.hpp"

namespace leaselock::file {
namespace {

constexpr std::uint32_t what_is_told = IN_CLOSE_WRITE | IN_ATTRIB;
// Pauses before further looks at what was told, in microseconds.
constexpr std::array<long, 3> second_looks{100, 1'000, 10'000};

}  // namespace

Watch::~Watch() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    (void)!::write(bell_.get(), &one, sizeof one);
    thread_.join();
}

bool Watch::start() {
    if (thread_.joinable()) return true;
    Descriptor events{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    Descriptor bell{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (!events || !bell) return false;
    events_ = std::move(events);
    bell_ = std::move(bell);
    return detail::start_thread(thread_, [this] { run(); });
}

bool Watch::add(Listener& listener, const LockFile& file) noexcept {
    const detail::MutexLock lock{mutex_};
    const auto known = numbers_.find(&listener);
    if (known != numbers_.end() && !watched_.at(known->second).file.is_removed()) return true;
    drop(listener);
    try {
        if (!start()) return false;
    } catch (const std::bad_alloc&) {
        return false;
    }
    return add_new(listener, file);
}

bool Watch::add_new(Listener& listener, const LockFile& file) noexcept {
    const Number number = ::inotify_add_watch(events_.get(), file.path().data(), what_is_told);
    if (number < 0) return false;
    bool is_added = false;
    try {
        Watched& watched = watched_.try_emplace(number).first->second;
        if (!watched.file) watched.file = file.reopen();
        if (watched.file) {
            numbers_.emplace(&listener, number);
            watched.listeners.push_back(&listener);
            is_added = true;
        }
    } catch (const std::bad_alloc&) {
        numbers_.erase(&listener);
    }
    if (!is_added) drop_if_idle(number);
    return is_added;
}

void Watch::forget(const Listener& listener) noexcept {
    const detail::MutexLock lock{mutex_};
    drop(listener);
}

void Watch::drop(const Listener& listener) noexcept {
    const auto known = numbers_.find(&listener);
    if (known == numbers_.end()) return;
    const Number number = known->second;
    numbers_.erase(known);
    std::erase(watched_.at(number).listeners, &listener);
    drop_if_idle(number);
}

void Watch::drop_if_idle(Number number) noexcept {
    const auto found = watched_.find(number);
    if (found != watched_.end() && !found->second.listeners.empty()) return;
    ::inotify_rm_watch(events_.get(), number);
    if (found != watched_.end()) watched_.erase(found);
}

void Watch::run() noexcept {
    std::size_t looks = second_looks.size();  // how many further ones have been taken
    for (;;) {
        std::array<pollfd, 2> both{pollfd{events_.get(), POLLIN, 0},
                                   pollfd{bell_.get(), POLLIN, 0}};
        const bool looks_again = looks < second_looks.size();
        const timespec pause{0, looks_again ? 1'000 * second_looks[looks] : 0};
        const int told = ::ppoll(both.data(), both.size(), looks_again ? &pause : nullptr, nullptr);
        if (both[1].revents != 0) return;
        if (told > 0 && read_events()) {
            looks = 0;
        } else {
            ++looks;
        }
        const bool last = looks >= second_looks.size();
        for (const Number number : recent_) look_at(number, last);
        if (last) recent_.clear();
    }
}

// What is new comes to what is looked at again.
bool Watch::read_events() noexcept {
    alignas(inotify_event) std::array<char, 4096> buffer{};
    bool any = false;
    for (;;) {
        const ssize_t size = ::read(events_.get(), buffer.data(), buffer.size());
        if (size <= 0) return any;
        any = true;
        for (const char* at = buffer.data(); at < buffer.data() + size;) {
            const auto* const event = reinterpret_cast<const inotify_event*>(at);
            at += sizeof *event + event->len;
            if (std::ranges::find(recent_, event->wd) != recent_.end()) continue;
            try {
                recent_.push_back(event->wd);
            } catch (const std::bad_alloc&) {
                look_at(event->wd, true);
            }
        }
    }
}

void Watch::look_at(Number number, bool last) noexcept {
    constexpr Number all = -1;  // more has happened than the kernel keeps
    const detail::MutexLock lock{mutex_};
    auto at = number == all ? watched_.begin() : watched_.find(number);
    while (at != watched_.end()) {
        const auto each = at++;
        ring(each->second, last);
        drop_if_idle(each->first);
        if (number != all) return;
    }
}

// Where it cannot be seen whether there is something for a listener he is rung.
void Watch::ring(Watched& watched, bool last) noexcept {
    try {
        if (watched.file.enter()) {
            const Inside inside{watched.file};
            const Glimpse glimpse{watched.file};
            for (std::size_t i = watched.listeners.size(); i-- > 0;) {
                Listener* const listener = watched.listeners[i];
                if (!glimpse.tell(*listener)) continue;
                numbers_.erase(listener);
                watched.listeners.erase(watched.listeners.begin() + static_cast<std::ptrdiff_t>(i));
            }
            return;
        }
        if (!last) return;
    } catch (const std::exception&) {  // all are rung
    }
    for (Listener* const listener : watched.listeners) listener->look();
}

}  // namespace leaselock::file
