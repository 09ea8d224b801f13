// A Sentinel of a test's own: it names the master that the test says, and notifies those that have
// subscribed. With it servers "fail over" that know nothing of it, as one does that is cut off from
// the Sentinels alone.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "support/scripted_peer.hpp"

namespace leaselock::support {

class ScriptedSentinel {
  public:
    static constexpr const char* name = "mymaster";

    // Knows no master.
    ScriptedSentinel() {
        peer_.on_command([this](const ScriptedPeer::Command& words) { return answer(words); });
    }

    // From now on, to all that ask; in this epoch.
    void name_master(std::uint16_t port, int epoch) {
        const std::lock_guard lock{mutex_};
        port_ = port;
        epoch_ = epoch;
    }
    // It is another name of that one.
    void is_also(const ScriptedSentinel& other) {
        const std::lock_guard lock{mutex_};
        id_ = other.id_;
    }
    // All who have subscribed are notified of this, as of the replacement of another master.
    void announce(std::uint16_t old_port, std::uint16_t port) {
        const std::string text = std::string{name} + " 127.0.0.1 " + std::to_string(old_port) +
                                 " 127.0.0.1 " + std::to_string(port);
        peer_.push("*3\r\n" + bulk("message") + bulk("+switch-master") + bulk(text));
    }

    [[nodiscard]] std::uint16_t port() const { return peer_.port(); }
    [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(port()); }
    [[nodiscard]] ScriptedPeer& peer() noexcept { return peer_; }
    // So often it was asked where the master is.
    [[nodiscard]] int questions() const {
        const std::lock_guard lock{mutex_};
        return questions_;
    }
    [[nodiscard]] bool has_subscriber() const {
        const std::lock_guard lock{mutex_};
        return has_subscriber_;
    }

  private:
    static std::string bulk(const std::string& text) {
        return '$' + std::to_string(text.size()) + "\r\n" + text + "\r\n";
    }
    Answer answer(const ScriptedPeer::Command& words) {
        const std::lock_guard lock{mutex_};
        if (words.front() == "SUBSCRIBE") {
            has_subscriber_ = true;
            return Answer::reply("*3\r\n" + bulk("subscribe") + bulk(words.at(1)) + ":1\r\n");
        }
        if (words.front() != "SENTINEL") return Answer::reply("-ERR unknown command\r\n");
        if (words.at(1) == "MYID") return Answer::reply(bulk(id_));
        const bool is_known = port_ != 0 && words.at(2) == name;
        if (words.at(1) == "MASTER") {
            if (!is_known) return Answer::reply("-ERR No such master with that name\r\n");
            return Answer::reply("*4\r\n" + bulk("flags") + bulk("master") + bulk("config-epoch") +
                                 bulk(std::to_string(epoch_)));
        }
        ++questions_;
        if (!is_known) return Answer::reply("*-1\r\n");
        return Answer::reply("*2\r\n" + bulk("127.0.0.1") + bulk(std::to_string(port_)));
    }

    mutable std::mutex mutex_;
    std::uint16_t port_ = 0;
    int epoch_ = 0;
    int questions_ = 0;
    std::string id_ = "id of " + std::to_string(reinterpret_cast<std::uintptr_t>(this));
    bool has_subscriber_ = false;
    ScriptedPeer peer_;  // the last, since its thread uses the others
};

}  // namespace leaselock::support
