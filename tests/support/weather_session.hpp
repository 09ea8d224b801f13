// One connection through the weather machine: what came, what waits to be sent, when, and how it
// ends. Used by weather_proxy.cpp.
//
// Thread-safety: none.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

#include "support/weather_proxy.hpp"

namespace leaselock::support::weather {

using SteadyClock = std::chrono::steady_clock;
using Fate = WeatherProxy::Fate;
using std::chrono::milliseconds;

inline constexpr std::array ways{Way::requests, Way::replies};

inline std::size_t index(Way way) noexcept { return static_cast<std::size_t>(way); }

[[noreturn]] inline void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

// What waits to be sent.
struct Piece {
    std::string bytes;
    SteadyClock::time_point due;
    milliseconds drip{0};
    bool is_held = false;
    bool is_last = false;  // the session ends after it
};

// One way of a session.
struct Lane {
    std::string in;
    std::deque<Piece> out;
    bool has_ended = false;  // nothing more comes in
    bool is_cut = false;     // nothing more goes out
};

struct Session {
    Session(int accepted, int connected) : client(accepted), server(connected) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() {
        ::close(client);
        if (server >= 0) ::close(server);
    }
    [[nodiscard]] int from(Way way) const { return way == Way::requests ? client : server; }
    [[nodiscard]] int to(Way way) const { return way == Way::requests ? server : client; }
    void end(Fate fate) {
        if (fate == Fate::reset) {
            const linger at_once{1, 0};
            ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        }
        is_over = true;
    }

    int client;
    int server;
    std::array<Lane, 2> lanes{};
    bool is_over = false;
};

// So that bytes leave one by one if they are to.
inline void leave_at_once(int fd) {
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

// So that the port can be bound again while connections to it are open.
inline void allow_again(int fd) {
    const int yes = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

inline void listen_on(int fd) {
    if (::listen(fd, 128) != 0 || ::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail("weather proxy");
}

inline int connect_to(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("weather proxy");
    const sockaddr_in address = loopback(port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        leave_at_once(fd);
        return fd;
    }
    ::close(fd);
    return -1;
}

}  // namespace leaselock::support::weather
