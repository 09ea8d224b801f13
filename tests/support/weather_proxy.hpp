// Bad weather between a client and a real server: a TCP proxy on a free port of 127.0.0.1 that
// refuses, stalls, is silent, cuts, slows down, and does harm to single requests or replies. All
// can be changed while connections are open. It runs in a thread of its own, which ends with the
// object.
//
// It counts and strikes whole RESP messages; bytes that are not RESP (TLS), and all if it is made
// so, are taken as they come, each read as one message.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "wire/connection.hpp"

namespace leaselock::support {

enum class Way : std::size_t { requests, replies };

class WeatherProxy {
  public:
    enum class Sky {
        clear,    // all is forwarded
        refuse,   // nobody listens; open connections go on
        stall,    // connections are accepted, and nothing is read on any of them
        silence,  // requests are read and go nowhere, replies too
    };
    // What becomes of one message.
    enum class Fate {
        lost,       // neither it nor what follows on its connection is forwarded: TCP has no gaps
        late,       // it is forwarded after let_go(), those after it wait
        closed,     // both sides get an orderly end (FIN) instead of it
        reset,      // the client gets a RST instead of it
        truncated,  // the first half is forwarded, then both sides are closed
        corrupt,    // its first byte is another one
    };

    enum class Splits { messages, reads };

    // Forwards to that port of 127.0.0.1. Throws std::system_error.
    explicit WeatherProxy(std::uint16_t server, Splits splits = Splits::messages);
    WeatherProxy(const WeatherProxy&) = delete;
    WeatherProxy& operator=(const WeatherProxy&) = delete;
    ~WeatherProxy();

    // From now on, for all connections.
    void set_sky(Sky sky);
    // Each message that way waits for `delay`; with `drip`, one byte of it goes each time.
    void slow_down(Way way, std::chrono::milliseconds delay, std::chrono::milliseconds drip = {});
    // The n-th message that way from now on, over all connections; 1 is the next. One strike a way
    // at a time.
    void strike(Way way, std::size_t n, Fate fate);
    // Lets go what was struck by Fate::late.
    void let_go();
    // The next connections lead to another server.
    void lead_to(std::uint16_t server);
    // The servers' sides of all open connections are closed; the clients are not told, and what
    // they send goes nowhere. As if the server's machine had lost its power.
    void lose_server();
    // Ends all open connections: orderly, or with a RST to the client.
    void drop_all(Fate fate = Fate::closed);

    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] std::string url() const;
    [[nodiscard]] wire::Endpoint endpoint() const { return {"127.0.0.1", port(), {}}; }
    [[nodiscard]] std::size_t connections() const;       // accepted since the start
    [[nodiscard]] std::size_t open_connections() const;  // now
    [[nodiscard]] std::size_t messages(Way way) const;   // seen since the start
    [[nodiscard]] bool has_struck(Way way) const;        // whether the last strike has come

  private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

}  // namespace leaselock::support
