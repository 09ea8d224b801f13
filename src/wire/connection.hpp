// One socket to a server and the parser of what comes back. It knows bytes and replies, no lock and
// no policy: it does not reconnect, log in or repeat. Used by the layer above, which owns the
// rules. A deadline that has passed makes a call look once and not block. SIGPIPE is never raised,
// and a child of exec never inherits the descriptor.
//
// Thread-safety: one thread at a time, with two exceptions: one thread may send while another
// receives, and interrupt() may be called by any thread at any time while the object lives.
#pragma once

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

#include "wire/reply.hpp"

struct redisReader;

namespace leaselock::wire {

// Where a server listens: a unix socket if `unix_path` is set, else TCP.
struct Endpoint {
    std::string host;
    std::uint16_t port = 6379;
    std::string unix_path;
};

// "host:port", "[::1]:port" or the path.
[[nodiscard]] std::string describe(const Endpoint& endpoint);

struct Sent {
    std::size_t bytes = 0;  // how many left, also if there was an error
    std::error_code error;  // Errc::connection_lost or Errc::command_timed_out
};

enum class Received {
    reply,      // `out` has it
    timed_out,  // nothing complete until the deadline; what came is kept for the next call
    closed,     // the peer, the network or interrupt() ended the connection
    malformed,  // not RESP, or larger than a reply may be; nothing more can be received
};

class Connection {
  public:
    // A reply of more bytes is malformed, and so is an array of more elements: no server answers
    // like that here, and memory is not taken because a peer announces it.
    static constexpr std::size_t max_reply_bytes = std::size_t{1} << 20;
    static constexpr std::size_t max_array_elements = 4096;

    explicit Connection(std::shared_ptr<const Clock> clock) noexcept;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    // Connects, after closing what was open. All addresses of the host get their share of the time.
    // Errc::connect_failed with `why` in words: address and reason. A name look-up that the system
    // does not finish in time is left to itself, in a thread of its own.
    [[nodiscard]] std::error_code open(const Endpoint& endpoint, Clock::time_point until,
                                       std::string& why);

    // Blocks until all left or the deadline. The caller decides from `bytes` what is known.
    [[nodiscard]] Sent send(std::string_view bytes, Clock::time_point until);

    // The next reply; without a system call if it was read before, with one if it is there by now.
    // `out` is changed with Received::reply only. Throws std::bad_alloc.
    [[nodiscard]] Received receive(Reply& out, Clock::time_point until);

    // Whether an idle connection cannot be used any more: the peer closed it, or sent what nobody
    // asked for. One system call, never blocks.
    [[nodiscard]] bool is_stale() const noexcept;

    // Ends a send or receive of another thread and makes those to come fail; an open() that is
    // connecting fails too. Without effect on the next open().
    void interrupt() noexcept;

    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    void close() noexcept;

  private:
    struct FreeReader {
        void operator()(redisReader* reader) const noexcept;
    };

    [[nodiscard]] std::error_code open_unix(const Endpoint& endpoint, Clock::time_point until,
                                            std::string& why);
    [[nodiscard]] std::error_code open_tcp(const Endpoint& endpoint, Clock::time_point until,
                                           std::string& why);
    // Takes over `fd` so that interrupt() reaches it. False: interrupted before.
    [[nodiscard]] bool publish(int fd) noexcept;
    // True: `out` has a reply. False: more bytes are needed, or `malformed_`.
    [[nodiscard]] bool take_buffered(Reply& out);
    // Bytes read into the parser (reply), or why there are none.
    [[nodiscard]] Received read_some(Clock::time_point until);
    // How long a recv may block; false: not at all.
    [[nodiscard]] bool limit_receive(Clock::time_point until) noexcept;

    const std::shared_ptr<const Clock> clock_;
    std::mutex mutex_;  // between interrupt() and those that change fd_; fd_ is else read without
    int fd_ = -1;
    bool interrupted_ = false;
    bool malformed_ = false;
    std::chrono::milliseconds receive_limit_{0};  // the socket's SO_RCVTIMEO
    std::size_t unread_ = 0;                      // bytes in the parser since the last reply
    std::unique_ptr<redisReader, FreeReader> reader_;
};

}  // namespace leaselock::wire
