// Stream::open: addresses, non-blocking connect, socket options. Apart from the rest because
// it is the part that runs once.
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include "wire/resolve.hpp"
#include "wire/socket.hpp"
#include "wire/stream.hpp"

namespace leaselock::wire {
namespace {

std::string error_text(int error) { return std::generic_category().message(error); }

void add_reason(std::string& why, const Address& address, const std::string& reason) {
    if (!why.empty()) why += "; ";
    why += describe(address) + ": " + reason;
}

std::vector<Address> unix_address(const std::string& path, std::string& why) {
    Address address;
    auto* raw = reinterpret_cast<sockaddr_un*>(&address.storage);
    if (path.size() >= sizeof raw->sun_path) {
        why = "the path of a unix socket has at most " + std::to_string(sizeof raw->sun_path - 1) +
              " bytes, this one " + std::to_string(path.size());
        return {};
    }
    raw->sun_family = AF_UNIX;
    std::memcpy(raw->sun_path, path.c_str(), path.size() + 1);
    address.length = sizeof *raw;
    return {address};
}

bool set(int fd, int level, int name, int value) noexcept {
    return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// A dead peer of an idle connection is found out within a minute.
bool tune_tcp(int fd) noexcept {
    return set(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30) && set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10) &&
           set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

bool make_blocking(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

// TCP lets a socket connect to itself if the port is free and the system happened to choose it as
// the near one; every command would then come back as its own answer.
bool is_connected_to_itself(int fd) noexcept {
    sockaddr_storage near{};
    sockaddr_storage far{};
    socklen_t near_length = sizeof near;
    socklen_t far_length = sizeof far;
    return ::getsockname(fd, reinterpret_cast<sockaddr*>(&near), &near_length) == 0 &&
           ::getpeername(fd, reinterpret_cast<sockaddr*>(&far), &far_length) == 0 &&
           near_length == far_length && std::memcmp(&near, &far, near_length) == 0;
}

// What became of a connect that was begun; 0 is connected.
int finish_connect(int fd, bool is_tcp, const Clock& clock, Clock::time_point until) noexcept {
    if (!wait_for(fd, POLLOUT, clock, until)) return ETIMEDOUT;
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    if (error != 0) return error;
    if (is_tcp && is_connected_to_itself(fd)) return ECONNREFUSED;
    if (!make_blocking(fd) || (is_tcp && !tune_tcp(fd))) return errno;
    return 0;
}

}  // namespace

std::string describe(const Endpoint& endpoint) {
    if (!endpoint.unix_path.empty()) return endpoint.unix_path;
    const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
    return (is_ipv6 ? '[' + endpoint.host + ']' : endpoint.host) + ':' +
           std::to_string(endpoint.port);
}

std::error_code Stream::open(const Endpoint& endpoint, Clock::time_point until, std::string& why) {
    close();
    why.clear();
    sink_ = &begin();
    tls_.reset();
    tls_scheme_ = endpoint.tls_scheme;
    sealed_.clear();
    sealed_sent_ = sealed_plain_ = 0;
    got_tls_ = got_any_ = has_ended_ = false;
    receive_limit_ = std::chrono::milliseconds{0};
    {
        const std::lock_guard lock{mutex_};
        is_interrupted_ = false;
    }
    const std::vector<Address> addresses =
        endpoint.unix_path.empty() ? resolve(endpoint.host, endpoint.port, *clock_, until, why)
                                   : unix_address(endpoint.unix_path, why);
    std::error_code worst = Errc::connect_failed;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const auto rest = static_cast<Clock::rep>(addresses.size() - i);
        const Clock::duration share = time_left(*clock_, until) / rest;
        const Clock::time_point share_ends = clock_->now() + share;
        if (!try_open(addresses[i], share_ends, why)) continue;
        if (endpoint.tls == nullptr) return {};
        std::string reason;
        const std::error_code error = shake_hands(endpoint, share_ends, reason);
        if (!error) return {};
        add_reason(why, addresses[i], reason);
        close();
        if (error == Errc::tls_failed) worst = error;
    }
    return worst;
}

bool Stream::finds_tls(const Endpoint& endpoint, Clock::time_point until) {
    constexpr std::string_view hello{"\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9};
    std::string unused;
    if (open(endpoint, until, unused) || send(hello, until).error) return false;
    while (!got_any_ && read(time_left(*clock_, until)) == Received::reply) {
    }
    return got_tls_;
}

bool Stream::try_open(const Address& address, Clock::time_point until, std::string& why) {
    const int family = address.storage.ss_family;
    const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        add_reason(why, address, error_text(errno));
        return false;
    }
    int error = ::connect(fd, address.raw(), address.length) == 0 ? 0 : errno;
    if (!publish(fd)) {
        add_reason(why, address, "interrupted");
        return false;
    }
    if (error == 0 || error == EINPROGRESS || error == EINTR) {
        error = finish_connect(fd, family != AF_UNIX, *clock_, until);
    }
    if (error == 0) return true;
    add_reason(why, address, error_text(error));
    close();
    return false;
}

// A plain Redis takes our hello for the beginning of a line and waits for its end. If nothing came
// for most of the time, it gets more than it takes for a line, and its answer tells what it is; for
// TLS the connection is of no use any more then.
std::error_code Stream::shake_hands(const Endpoint& endpoint, Clock::time_point until,
                                    std::string& why) {
    Clock::time_point probe = until - time_left(*clock_, until) / 4;
    tls_ = std::make_unique<Tls>(endpoint.tls, endpoint.host);
    std::string_view came;
    bool has_heard = false;
    for (;;) {
        const Tls::Handshake step = tls_->handshake(came, why);
        const bool was_sent = !send_raw(tls_->take_output(), until).error;
        if (step == Tls::Handshake::failed) return Errc::tls_failed;
        if (step == Tls::Handshake::done && was_sent) {
            has_ended_ = !tls_->decrypt({}, *sink_);
            return {};
        }
        Received received = read_raw(time_left(*clock_, probe), came);
        if (received == Received::timed_out && probe < until) {
            probe = until;
            constexpr std::size_t too_long_a_line = std::size_t{66} * 1024;
            (void)send_raw(std::string(too_long_a_line, '\n'), until);
        } else if (received != Received::reply) {
            const bool late = received == Received::timed_out;
            why = late ? "no answer to the TLS handshake"
                  : has_heard
                      ? "the TLS handshake was cut off"
                      : "the connection was closed at our hello: does the server speak TLS?";
            return Errc::connect_failed;
        }
        has_heard = has_heard || !came.empty();
    }
}

}  // namespace leaselock::wire
