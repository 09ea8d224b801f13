#include "file/notifications.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "base/threads.hpp"

namespace leaselock::file {
namespace {

// The number before a space, which is taken away with it.
template <class Number>
bool take_number(std::string_view& text, Number& number) noexcept {
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto size = static_cast<std::size_t>(end.ptr - text.data());
    if (end.ec != std::errc{} || size == text.size() || text[size] != ' ') return false;
    text.remove_prefix(size + 1);
    return true;
}

}  // namespace

// No token has a line in it.
std::string message_for(std::string_view token, const HandOff& what) {
    return fmt::format("{} {} {}\n", what.fencing_token, what.ttl.count(), token);
}

Notifications::~Notifications() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    (void)!::write(bell_.get(), &one, sizeof one);
    thread_.join();
}

bool Notifications::control(int what, int fd, Number number, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    return ::epoll_ctl(events_.get(), what, fd, &event) == 0;
}

bool Notifications::start() {
    if (thread_.joinable()) return true;
    events_ = Descriptor{::epoll_create1(EPOLL_CLOEXEC)};
    bell_ = Descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    return events_ && bell_ && control(EPOLL_CTL_ADD, bell_.get(), bell_number, EPOLLIN) &&
           detail::start_thread(thread_, [this] { run(); });
}

// What is watched is taken out before it is closed: in a child by fork it may be open still.
bool Notifications::hear(const std::shared_ptr<const Member>& self) {
    if (self_ == self) return true;
    if (self_ != nullptr) {
        (void)control(EPOLL_CTL_DEL, self_->fd(), self_number, 0);
        for (const auto& [token, waiting] : all_) waiting.listener->poll();
    }
    self_ = self;
    if (control(EPOLL_CTL_ADD, self->fd(), self_number, EPOLLIN)) return true;
    self_.reset();
    return false;
}

bool Notifications::add(Listener& listener, const std::shared_ptr<const Member>& self,
                        std::vector<Descriptor> before) noexcept {
    const detail::MutexLock lock{mutex_};
    try {
        if (!start() || !hear(self)) return false;
        Waiting& waiting = all_[listener.token()];
        waiting.listener = &listener;
        let_go(waiting);
        return watch_all(waiting, std::move(before));
    } catch (const std::bad_alloc&) {
        return false;
    }
}

bool Notifications::watch_all(Waiting& waiting, std::vector<Descriptor> before) {
    for (Descriptor& each : before) {
        const Number number = ++last_number_;
        waiting.before.reserve(waiting.before.size() + 1);
        const int fd = each.get();
        watched_.emplace(number, Watched{std::move(each), waiting.listener->token()});
        waiting.before.push_back(number);
        if (!control(EPOLL_CTL_ADD, fd, number, EPOLLONESHOT)) return false;
    }
    return true;
}

void Notifications::forget(const Listener& listener) noexcept {
    const detail::MutexLock lock{mutex_};
    const auto found = all_.find(listener.token());
    if (found != all_.end() && found->second.listener == &listener) drop(found);
}

void Notifications::let_go(Waiting& waiting) noexcept {
    for (const Number number : waiting.before) {
        const auto found = watched_.find(number);
        if (found == watched_.end()) continue;
        (void)control(EPOLL_CTL_DEL, found->second.fd.get(), number, 0);
        watched_.erase(found);
    }
    waiting.before.clear();
}

void Notifications::drop(All::iterator waiting) noexcept {
    let_go(waiting->second);
    all_.erase(waiting);
}

void Notifications::run() noexcept {
    for (;;) {
        std::array<epoll_event, 64> events{};
        const int size = ::epoll_wait(events_.get(), events.data(), events.size(), -1);
        for (int i = 0; i < size; ++i) {
            const Number number = events[static_cast<std::size_t>(i)].data.u64;
            if (number == bell_number) return;
            if (number == self_number) {
                read_messages();
            } else {
                hung_up(number);
            }
        }
    }
}

std::shared_ptr<const Member> Notifications::self() noexcept {
    const detail::MutexLock lock{mutex_};
    return self_;
}

void Notifications::read_messages() noexcept {
    constexpr std::size_t most_unread = 4096;  // longer than any message
    const std::shared_ptr<const Member> member = self();
    std::array<char, 4096> buffer;
    ssize_t size = 0;
    while (member != nullptr && (size = ::read(member->fd(), buffer.data(), buffer.size())) > 0) {
        try {
            unread_.append(buffer.data(), static_cast<std::size_t>(size));
        } catch (const std::bad_alloc&) {
            unread_.clear();
            continue;
        }
        std::size_t begin = 0;
        for (std::size_t end = 0; (end = unread_.find('\n', begin)) != std::string::npos;) {
            deliver(std::string_view{unread_}.substr(begin, end - begin));
            begin = end + 1;
        }
        unread_.erase(0, begin);
        if (unread_.size() > most_unread) unread_.clear();
    }
}

// What nobody waits for any more, or no message, is dropped.
WakeUp Notifications::deliver(std::string_view line) noexcept {
    HandOff what;
    std::int64_t ttl = 0;
    if (!take_number(line, what.fencing_token) || !take_number(line, ttl)) return {};
    what.ttl = std::chrono::milliseconds{ttl};
    const detail::MutexLock lock{mutex_};
    const auto found = all_.find(line);
    if (found == all_.end()) return {};
    Listener& listener = *found->second.listener;
    if (what.fencing_token == 0) return listener.poll();
    drop(found);
    return listener.handed_over(what);
}

WakeUp Notifications::hung_up(Number number) noexcept {
    const detail::MutexLock lock{mutex_};
    const auto found = watched_.find(number);
    if (found == watched_.end()) return {};
    const auto waiting = all_.find(found->second.token);
    (void)control(EPOLL_CTL_DEL, found->second.fd.get(), number, 0);
    watched_.erase(found);
    return waiting == all_.end() ? WakeUp{} : waiting->second.listener->poll();
}

}  // namespace leaselock::file
