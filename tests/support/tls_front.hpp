// What stands before a plain server and speaks TLS for it, on a free port of 127.0.0.1: a server
// that has none of its own is reached by TLS through it. One connection at a time, the next when
// that one has ended.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

#include "support/tls_peer.hpp"

namespace leaselock::support {

class TlsFront {
  public:
    // Before that port of 127.0.0.1, with the certificate of that name (see Certificates).
    explicit TlsFront(std::uint16_t server, const std::string& certificate = "server")
        : server_{server}, peer_{[this](TlsPeer::Talk& talk) { forward(talk); }, certificate} {}

    // Ends what is open, and what is accepted from now on.
    void stop() noexcept { is_over_ = true; }

    [[nodiscard]] std::uint16_t port() const noexcept { return peer_.port(); }
    // Of those whose handshake was done.
    [[nodiscard]] int connections() const noexcept { return connections_; }

    ~TlsFront() { stop(); }
    TlsFront(const TlsFront&) = delete;
    TlsFront& operator=(const TlsFront&) = delete;

  private:
    // The end of it comes as soon as one side has closed; so does that of a wait, to look at
    // stop().
    void forward(TlsPeer::Talk& talk) {
        if (is_over_) return;
        talk.handshake();
        if (talk.end().has_failed()) return;
        ++connections_;
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(server_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
            // What came with the end of the handshake goes first.
            bool is_open = pass(fd, talk.end().decrypt({}));
            while (is_open && !is_over_) is_open = step(talk, fd);
        }
        ::close(fd);
    }

    static bool step(TlsPeer::Talk& talk, int fd) {
        std::array<pollfd, 2> both{pollfd{talk.fd(), POLLIN, 0}, pollfd{fd, POLLIN, 0}};
        constexpr int poll_interval = 20;  // milliseconds
        if (::poll(both.data(), both.size(), poll_interval) <= 0) return true;
        if (both[0].revents != 0) {
            const std::string came = talk.receive();
            if (came.empty() || !pass(fd, talk.end().decrypt(came))) return false;
        }
        if (both[1].revents == 0) return true;
        std::array<char, 4096> plain{};
        const ssize_t n = ::recv(fd, plain.data(), plain.size(), 0);
        if (n <= 0) return false;
        talk.end().say({plain.data(), static_cast<std::size_t>(n)});
        talk.send_output();
        return true;
    }

    static bool pass(int fd, std::string_view plain) {
        while (!plain.empty()) {
            const ssize_t n = ::send(fd, plain.data(), plain.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            plain.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    const std::uint16_t server_;
    std::atomic<bool> is_over_{false};
    std::atomic<int> connections_{0};
    TlsPeer peer_;  // the last: its thread uses all of the above
};

}  // namespace leaselock::support
