// A server of TLS that does what no redis-server does: it says what the test says, in the records
// and the writes that the test says. TlsEnd is the server's side of one session, without a socket;
// TlsPeer accepts connections on a free port of 127.0.0.1, one after another, and lets the test
// talk on each in a thread of its own, which ends with the object.
//
// Thread-safety: a TlsEnd is for one thread; of a TlsPeer, port() and url() are for all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <openssl/ssl.h>
#include <string>
#include <string_view>
#include <thread>

namespace leaselock::support {

class TlsEnd {
  public:
    // With the certificate of that name (see Certificates) in any version, or without one, by a
    // cipher that needs none, which TLS 1.2 has.
    explicit TlsEnd(const std::string& certificate);

    // Takes in what the client sent and goes on with the handshake. True: it is done.
    bool handshake(std::string_view came);
    // What came last is no handshake that it could go on with.
    [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }
    // Answers the client's hello, and adds `plain` before the client's part of the handshake came,
    // as TLS 1.3 allows.
    void answer_hello(std::string_view came, std::string_view plain);
    // What the client sent after the handshake; may come with the end of that.
    [[nodiscard]] std::string decrypt(std::string_view came);
    // Each of these adds to what is to be sent.
    void say(std::string_view plain);
    void say_goodbye();
    void ask_to_renegotiate();
    // What is to be sent since the last call.
    [[nodiscard]] std::string take_output();

  private:
    struct Free {
        void operator()(SSL_CTX* raw) const noexcept { SSL_CTX_free(raw); }
        void operator()(SSL* raw) const noexcept { SSL_free(raw); }
    };

    void take_in(std::string_view came);

    std::unique_ptr<SSL_CTX, Free> context_;
    std::unique_ptr<SSL, Free> raw_;
    BIO* in_ = nullptr;   // of raw_
    BIO* out_ = nullptr;  // of raw_
    bool has_failed_ = false;
};

class TlsPeer {
  public:
    // One connection.
    class Talk {
      public:
        Talk(int fd, const std::string& certificate) : fd_{fd}, end_{certificate} {}
        [[nodiscard]] TlsEnd& end() noexcept { return end_; }
        [[nodiscard]] int fd() const noexcept { return fd_; }
        // Waits until the client has sent something; empty: it has closed.
        std::string receive() const;
        void send(std::string_view bytes) const;
        void send_output() { send(end_.take_output()); }
        void handshake();
        // The next that the client says; empty: it has closed.
        std::string hear();

      private:
        int fd_;
        TlsEnd end_;
    };

    // `talk` is called for each connection, which is closed when it returns. The clients must be
    // gone before the object is.
    explicit TlsPeer(std::function<void(Talk&)> talk, std::string certificate = "server");
    TlsPeer(const TlsPeer&) = delete;
    TlsPeer& operator=(const TlsPeer&) = delete;
    ~TlsPeer();

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    // rediss:// with the right authority.
    [[nodiscard]] std::string url() const;

  private:
    void run();

    const std::function<void(Talk&)> talk_;
    const std::string certificate_;
    std::uint16_t port_ = 0;
    int listener_ = -1;
    std::thread thread_;
};

}  // namespace leaselock::support
