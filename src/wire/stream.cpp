#include "wire/stream.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <new>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

#include "wire/socket.hpp"

namespace leaselock::wire {

Stream::Stream(std::shared_ptr<const Clock> clock) noexcept : clock_(std::move(clock)) {}

Stream::~Stream() { close(); }

Sent Stream::send(std::string_view bytes, Clock::time_point until) noexcept {
    if (tls_ == nullptr) return send_raw(bytes, until);
    Sent sent;
    for (;;) {
        const Sent raw = send_raw(std::string_view{sealed_}.substr(sealed_sent_), until);
        sealed_sent_ += raw.bytes;
        sent.error = raw.error;
        if (sent.error) return sent;
        sent.bytes += sealed_plain_;
        bytes.remove_prefix(sealed_plain_);
        sealed_.clear();
        sealed_sent_ = sealed_plain_ = 0;
        if (bytes.empty()) return sent;
        if (!seal(bytes)) {
            sent.error = Errc::connection_lost;
            return sent;
        }
    }
}

// A record that could not be kept for lack of memory is in the session's count of records all the
// same, so that ends the connection.
bool Stream::seal(std::string_view bytes) noexcept {
    constexpr std::size_t record = std::size_t{16} * 1024;
    const std::string_view front = bytes.substr(0, record);
    try {
        if (tls_->encrypt(front, sealed_)) {
            sealed_plain_ = front.size();
            return true;
        }
    } catch (const std::bad_alloc&) {
        sealed_.clear();
    }
    interrupt();
    return false;
}

Sent Stream::send_raw(std::string_view bytes, Clock::time_point until) noexcept {
    Sent sent;
    while (sent.bytes < bytes.size()) {
        const std::string_view rest = bytes.substr(sent.bytes);
        const ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            sent.bytes += static_cast<std::size_t>(n);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (wait_for(fd_, POLLOUT, *clock_, until)) continue;
            sent.error = Errc::command_timed_out;
            return sent;
        } else if (errno != EINTR) {
            sent.error = Errc::connection_lost;
            return sent;
        }
    }
    return sent;
}

Received Stream::read(Clock::duration left) noexcept {
    std::string_view came;
    const Received received = read_raw(left, came);
    if (received != Received::reply || came.empty()) return received;
    if (tls_ != nullptr) {
        has_ended_ = !tls_->decrypt(came, *sink_);
        return Received::reply;
    }
    constexpr char alert = 21;
    if (!std::exchange(got_any_, true)) got_tls_ = came.front() == alert;
    sink_->feed(came);
    return Received::reply;
}

// A blocking recv costs one system call a reply; looking first and polling then costs three. The
// socket's own limit on it is set again only if it is far from what is left (see limit_blocking),
// so the clock is asked after each and decides.
Received Stream::read_raw(Clock::duration left, std::string_view& came) noexcept {
    came = {};
    const bool may_block = left > Clock::duration::zero();
    if (may_block && !limit_blocking(left)) return Received::closed;

    const ssize_t n = ::recv(fd_, buffer_.data(), buffer_.size(), may_block ? 0 : MSG_DONTWAIT);
    if (n > 0) {
        came = {buffer_.data(), static_cast<std::size_t>(n)};
        return Received::reply;
    }
    if (n == 0) return Received::closed;
    if (errno == EINTR) return Received::reply;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Received::closed;
    return may_block ? Received::reply : Received::timed_out;
}

// Powers of two of milliseconds, never more than what is left (but 1 ms) nor less than a quarter of
// it: callers with much the same deadlines share one setting, and the last naps before a deadline
// are short. Long ones are cut, so that a suspended machine's time is noticed.
bool Stream::limit_blocking(Clock::duration left) noexcept {
    using std::chrono::milliseconds;
    constexpr milliseconds shortest{1};
    constexpr milliseconds longest{8192};
    const milliseconds room = std::clamp(std::chrono::floor<milliseconds>(left), shortest, longest);
    if (receive_limit_ <= room && receive_limit_ * 4 > room) return true;

    const milliseconds limit{std::bit_floor(static_cast<std::uint64_t>(room.count()))};
    timeval value{};
    value.tv_sec = limit.count() / 1000;
    value.tv_usec = limit.count() % 1000 * 1000;
    if (::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value) != 0) return false;
    receive_limit_ = limit;
    return true;
}

bool Stream::has_news() noexcept {
    char byte = 0;
    const ssize_t n = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

std::string Stream::tls_fault() const {
    if (got_tls_) {
        return "the server speaks TLS; it is reached by " + std::string(tls_scheme_) + "://";
    }
    return tls_ == nullptr ? std::string{} : tls_->fault();
}

void Stream::interrupt() noexcept {
    const std::lock_guard lock{mutex_};
    is_interrupted_ = true;
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

bool Stream::publish(int fd) noexcept {
    const std::lock_guard lock{mutex_};
    if (is_interrupted_) {
        ::close(fd);
        return false;
    }
    fd_ = fd;
    return true;
}

void Stream::close() noexcept {
    const std::lock_guard lock{mutex_};
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

}  // namespace leaselock::wire
