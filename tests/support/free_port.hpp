// A TCP port of 127.0.0.1 on which nothing listens. Somebody else may take it before its user does,
// so whoever starts a server on it tries again with another one.
//
// Thread-safety: functions without state.
#pragma once

#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace leaselock::support {

// A socket bound to a port that the system chose; the caller closes it.
[[nodiscard]] inline int bind_any_port(std::uint16_t& port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (fd < 0 || ::bind(fd, raw, length) != 0 || ::getsockname(fd, raw, &length) != 0) {
        const std::error_code error{errno, std::generic_category()};
        if (fd >= 0) ::close(fd);
        throw std::system_error(error, "no free port");
    }
    port = ntohs(address.sin_port);
    return fd;
}

[[nodiscard]] inline std::uint16_t free_port() {
    std::uint16_t port = 0;
    ::close(bind_any_port(port));
    return port;
}

}  // namespace leaselock::support
