// A server of lies: it accepts connections on a free port of 127.0.0.1, reads RESP commands and
// does with each what the test says: any bytes, byte by byte if wished, a close, a reset, silence.
// It runs in a thread of its own, which ends with the object.
//
// Thread-safety: all calls from all threads at once. Handlers run in the peer's thread, one at a
// time, and must not call the peer.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wire/connection.hpp"

namespace leaselock::support {

// What the peer does next on a connection: send `bytes`, then `then`.
struct Answer {
    enum class Then {
        go_on,
        close,         // an orderly end (FIN)
        reset,         // RST
        stop_reading,  // the connection stays open, what comes is not read any more
    };

    std::string bytes;
    Then then = Then::go_on;
    std::chrono::milliseconds drip{0};  // if not 0: one byte each time this has passed

    static Answer reply(std::string bytes) { return {.bytes = std::move(bytes)}; }
    static Answer dripped(std::string bytes, std::chrono::milliseconds drip) {
        return {.bytes = std::move(bytes), .then = Then::go_on, .drip = drip};
    }
    static Answer close(std::string first = {}) {
        return {.bytes = std::move(first), .then = Then::close};
    }
    static Answer reset(std::string first = {}) {
        return {.bytes = std::move(first), .then = Then::reset};
    }
    static Answer stop_reading() { return {.bytes = {}, .then = Then::stop_reading}; }
    static Answer silence() { return {}; }
};

class ScriptedPeer {
  public:
    using Command = std::vector<std::string>;
    using CommandHandler = std::function<Answer(const Command&)>;

    // Answers every command with silence until told otherwise. Throws std::system_error.
    ScriptedPeer();
    ScriptedPeer(const ScriptedPeer&) = delete;
    ScriptedPeer& operator=(const ScriptedPeer&) = delete;
    ~ScriptedPeer();

    // Decides on each command from now on.
    void on_command(CommandHandler handler);
    // The next commands get these answers, one each, over all connections; then silence.
    void script(std::vector<Answer> answers);
    // Decides on each connection from now on, when it is accepted.
    void on_connect(std::function<Answer()> handler);
    // Sends to all open connections at once what nobody asked for.
    void push(const std::string& bytes);
    // Ends all open connections; `then` is close or reset.
    void drop_all(Answer::Then then = Answer::Then::close);

    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] std::string url() const;
    [[nodiscard]] wire::Endpoint endpoint() const { return {"127.0.0.1", port(), {}}; }
    [[nodiscard]] std::size_t connections() const;        // accepted since the start
    [[nodiscard]] std::size_t open_connections() const;   // now
    [[nodiscard]] std::vector<Command> commands() const;  // received since the start, in order

  private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

}  // namespace leaselock::support
