// A real redis-server of a test's own, from PATH, or the one that LEASELOCK_TEST_SERVER names, as a
// valkey-server: on a free port of 127.0.0.1 and on a unix socket in a private directory, with
// nothing persisted. It is gone when the object is, and also when the test program dies.
//
// Thread-safety: command() and cli() may be called by all threads at once, the rest by one. The
// thread that starts a server must outlive it: the kernel ends the server with that thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "support/child_process.hpp"
#include "support/temp_dir.hpp"
#include "wire/connection.hpp"

namespace leaselock::support {

// Whose time the server has: the machine's, or one that step_clock() can step.
enum class WallClock { real, steppable };

class RedisServer {
  public:
    // `arguments` go behind our own, as in {"--maxmemory", "2mb"}. Returns when it answers, throws
    // std::runtime_error with the end of its log if it does not.
    explicit RedisServer(std::vector<std::string> arguments = {},
                         WallClock wall_clock = WallClock::real);
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;
    ~RedisServer() = default;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] std::string socket_path() const { return directory_.file("redis.sock"); }
    [[nodiscard]] std::string url() const;
    [[nodiscard]] std::string unix_url() const;
    [[nodiscard]] wire::Endpoint endpoint() const { return {"127.0.0.1", port_, {}}; }
    [[nodiscard]] wire::Endpoint unix_endpoint() const { return {{}, 0, socket_path()}; }
    // -1: it does not run.
    [[nodiscard]] pid_t pid() const noexcept { return process_ ? process_->pid() : -1; }

    void stop();   // SIGTERM, then SIGKILL if that is not enough; nothing if it does not run
    void kill9();  // SIGKILL: no goodbye, no clean-up
    void pause();  // SIGSTOP: connections stay, nothing answers
    void resume();
    void restart();  // stop() if it runs; the same port, arguments and clock, no data

    // Steps the server's wall clock, back if it is negative, as an administrator or NTP would; it
    // runs on from there. Steps add up. Not for WallClock::real.
    void step_clock(std::chrono::nanoseconds step);

    // Talks to the server out of band, by the unix socket, over a connection that is kept. The
    // answer as text: a string as it is, an integer in digits, nil as "(nil)", an array with one
    // element a line. Throws std::runtime_error for an error reply, with its text, and for no
    // reply.
    std::string command(const std::vector<std::string>& arguments);
    template <typename... Arguments>
    std::string cli(const Arguments&... arguments) {
        return command({std::string(arguments)...});
    }
    // From now on command() logs in as that user.
    void authenticate_as(std::string user, std::string password);

  private:
    bool start();
    bool answers();
    void open_out_of_band();
    std::string ask(const std::vector<std::string>& arguments);
    [[nodiscard]] std::string log_end() const;

    void write_clock_shift();

    const std::vector<std::string> arguments_;
    const WallClock wall_clock_;
    std::chrono::nanoseconds clock_shift_{0};
    TempDir directory_;
    std::uint16_t port_ = 0;
    std::optional<ChildProcess> process_;
    std::mutex mutex_;  // guards the three below
    std::string user_;
    std::string password_;
    wire::Connection out_of_band_;
};

}  // namespace leaselock::support
