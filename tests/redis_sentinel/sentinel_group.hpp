// The servers and Sentinels that tests/redis_sentinel/sentinels.py has started: where they are, a
// way to ask each of them out of band, and to have them fail over.
//
// Thread-safety: all calls from all threads at once, but restart() and kill(), which change pids.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace leaselock::support {

class SentinelGroup {
  public:
    struct Member {
        std::uint16_t port = 0;
        int pid = 0;
    };
    static constexpr const char* name = "leaselock-test";
    static constexpr const char* user = "locker";
    // As it stands in a URL, and as it is.
    static constexpr const char* password_in_url = "a%20password";
    static constexpr const char* password = "a password";

    // Reads where they are. Throws std::runtime_error: nobody has started them.
    explicit SentinelGroup(std::string directory);
    // That of the tests, which ctest starts as a fixture.
    [[nodiscard]] static SentinelGroup of_tests();

    [[nodiscard]] const std::vector<Member>& servers() const noexcept { return servers_; }
    [[nodiscard]] const std::vector<Member>& sentinels() const noexcept { return sentinels_; }
    // Of the user of the tests, with `rest` after the master's name.
    [[nodiscard]] std::string url(const std::string& rest = {}) const;

    // The answer of the server, or Sentinel, at that port as text, an array with one element a
    // line. Throws std::runtime_error for none, and for an error, with its text.
    static std::string ask(std::uint16_t port, const std::vector<std::string>& words);
    template <typename... Words>
    static std::string cli(std::uint16_t port, const Words&... words) {
        return ask(port, {std::string(words)...});
    }

    // The port of the master, by the word of the first Sentinel that answers.
    [[nodiscard]] std::uint16_t master() const;
    // Returns when all Sentinels name one master, which has two replicas that are in step.
    void await_rest() const;
    // Has the Sentinels make another server the master, and returns when all of them name it.
    // Gives its port.
    std::uint16_t fail_over() const;
    // Until all Sentinels name another master than that.
    std::uint16_t await_master_other_than(std::uint16_t port) const;

    void pause(std::uint16_t port) const;
    void resume(std::uint16_t port) const;
    void kill(std::uint16_t port) const;  // SIGKILL
    // As sentinels.py says: it comes back as a master, until the Sentinels see to it.
    void restart(std::uint16_t port);

  private:
    void read();
    [[nodiscard]] int pid_of(std::uint16_t port) const;
    [[nodiscard]] bool all_name(std::uint16_t port) const;

    const std::string directory_;
    std::vector<Member> servers_;
    std::vector<Member> sentinels_;
};

}  // namespace leaselock::support
