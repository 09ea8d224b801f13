// One socket to a server, plain or with TLS: bytes out, bytes in. It knows no protocol: what comes
// goes to a Sink. It does not reconnect or repeat. A deadline that has passed makes send and read
// look once and not block. SIGPIPE is never raised, and a child of exec never inherits the
// descriptor.
//
// Thread-safety: one thread at a time, with two exceptions: one thread may send while another
// reads, and interrupt() may be called by any thread at any time while the object lives.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/clock.hpp>
#include <leaselock/error.hpp>

#include "wire/sink.hpp"
#include "wire/tls.hpp"

namespace leaselock::wire {

struct Address;

// Where a server listens: a unix socket if `unix_path` is set, else TCP.
struct Endpoint {
    std::string host;
    std::uint16_t port = 6379;
    std::string unix_path;
    std::shared_ptr<const TlsContext> tls{};  // null: plain
    // Of URLs by which such a server is reached if it speaks TLS, for messages; outlives all.
    std::string_view tls_scheme = "rediss";
};

// "host:port", "[::1]:port" or the path.
[[nodiscard]] std::string describe(const Endpoint& endpoint);

struct Sent {
    std::size_t bytes = 0;  // how many left, also if there was an error
    std::error_code error;  // Errc::connection_lost or Errc::command_timed_out
};

enum class Received {
    reply,      // it has come; of a Stream: bytes, or none of a meaning, so look again
    timed_out,  // nothing complete until the deadline; what came is kept for the next call
    closed,     // the peer, the network or interrupt() ended the connection
    malformed,  // not of the protocol, or over a bound; nothing more can be received
};

class Stream {
  public:
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    virtual ~Stream();

    // Connects, after closing what was open. Each address of the host gets its share of the time.
    // Errc::connect_failed with `why` in words: address and reason. A name look-up that the system
    // does not finish in time is left to itself, in a thread of its own. With TLS the handshake is
    // part of it; Errc::tls_failed: the server, its certificate or ours is not what it should be.
    // Throws std::bad_alloc.
    [[nodiscard]] std::error_code open(const Endpoint& endpoint, Clock::time_point until,
                                       std::string& why);

    // Blocks until all left or the deadline. The caller decides from `bytes` what is known. What is
    // not reported as left is to be sent next, before anything else.
    [[nodiscard]] Sent send(std::string_view bytes, Clock::time_point until) noexcept;

    // Reads once, for at most `left`, into the sink. Received::reply: go on; bytes came, or a nap
    // is over.
    [[nodiscard]] Received read(Clock::duration left) noexcept;

    // Whether the peer has said that nothing comes any more.
    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    // Whether anything came since a plain open().
    [[nodiscard]] bool has_heard() const noexcept { return got_any_; }
    // For a server that has closed a plain connection without a word: connects again, and asks
    // whether it speaks TLS, by the head of a hello that is too short. Then tls_fault() says so.
    [[nodiscard]] bool finds_tls(const Endpoint& endpoint, Clock::time_point until);
    // Why read() answered Received::closed, if TLS is the reason; else empty.
    [[nodiscard]] std::string tls_fault() const;

    // Ends a send or read of another thread and makes those to come fail; an open() that is
    // connecting fails too, one that looks up a name ends that first. Nothing of it is left for the
    // next open().
    void interrupt() noexcept;

    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    // To be watched for input and for room; -1: it is not open.
    [[nodiscard]] int fd() const noexcept { return fd_; }
    void close() noexcept;

  protected:
    explicit Stream(std::shared_ptr<const Clock> clock) noexcept;

    // Which sink gets what comes over a new connection. It stays until the next one is opened.
    [[nodiscard]] virtual Sink& begin() = 0;
    // Whether something came, unasked, or the connection ended. Never blocks.
    [[nodiscard]] bool has_news() noexcept;
    [[nodiscard]] bool has_tls() const noexcept { return tls_ != nullptr; }
    // Whether a part of a record of TLS came that is not complete.
    [[nodiscard]] bool has_partial_record() noexcept { return tls_->has_partial(); }
    [[nodiscard]] const Clock& clock() const noexcept { return *clock_; }

  private:
    [[nodiscard]] bool try_open(const Address& address, Clock::time_point until, std::string& why);
    // Takes `fd` over, so that interrupt() reaches it; false: interrupted already, `fd` is closed.
    [[nodiscard]] bool publish(int fd) noexcept;
    // The TLS part of open().
    [[nodiscard]] std::error_code shake_hands(const Endpoint& endpoint, Clock::time_point until,
                                              std::string& why);
    [[nodiscard]] Sent send_raw(std::string_view bytes, Clock::time_point until) noexcept;
    // Encrypts the front of `bytes`; false: the session is broken.
    [[nodiscard]] bool seal(std::string_view bytes) noexcept;
    [[nodiscard]] Received read_raw(Clock::duration left, std::string_view& came) noexcept;
    [[nodiscard]] bool limit_blocking(Clock::duration left) noexcept;

    const std::shared_ptr<const Clock> clock_;
    std::string_view tls_scheme_;  // of what is connected to
    std::mutex mutex_;  // interrupt() against those that change fd_; the others read it without
    int fd_ = -1;
    bool is_interrupted_ = false;
    std::chrono::milliseconds receive_limit_{0};       // the socket's SO_RCVTIMEO
    Sink* sink_ = nullptr;                             // of the connection that is open
    std::array<char, std::size_t{16} * 1024> buffer_;  // of the thread that reads
    bool got_tls_ = false;  // the first byte of a plain connection began a record of TLS
    bool got_any_ = false;

    std::unique_ptr<Tls> tls_;  // there while open, with TLS
    bool has_ended_ = false;    // TLS says that nothing comes any more
    // Of the thread that sends: the encrypted front of what is to be sent, and how much that is in
    // plain.
    std::string sealed_;
    std::size_t sealed_sent_ = 0;
    std::size_t sealed_plain_ = 0;
};
}  // namespace leaselock::wire
