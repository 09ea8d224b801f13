// One process of the version before: former_worker <port> <folder of its scripts> <file> <entries>.
// Adds one to the number in the file, <entries> times, each under the lock "counter", as
// counter_worker does. It waits as that version did: with an entry in its queue, a channel on which
// it listens, and polls; what is handed over to it its next poll finds.
#include <chrono>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include "model/script_peer.hpp"
#include "stress/counter_file.hpp"
#include "support/poll_until.hpp"
#include "versions/former_scripts.hpp"

namespace {

using namespace std::chrono_literals;
using leaselock::versions::former_key;

class Former {
  public:
    Former(int port, const char* folder)
        : scripts_{folder},
          peer_{at(port)},
          subscriber_{at(port)},
          name_{std::to_string(::getpid())} {
        subscriber_.send({"SUBSCRIBE", channel()});
    }

    // Gives the fence.
    std::uint64_t lock() {
        token_ = "former:" + name_ + "/" + std::to_string(++locked_);
        std::uint64_t fence = 0;
        const auto poll = [&] {
            const auto reply = peer_.run(scripts_.text("acquire"), keys("fqw"),
                                         {token_, "10000", "9000000000000000", "3000", channel()});
            const bool is_bare = reply.size() == 0;
            if (!is_bare && reply.at(0).integer() == 0) return false;
            fence = static_cast<std::uint64_t>(is_bare ? reply.integer() : reply.at(2).integer());
            return true;
        };
        if (!leaselock::support::poll_until(poll, 40s)) throw std::runtime_error("never granted");
        return fence;
    }
    void unlock() {
        const auto renewed =
            peer_.run(scripts_.text("renew"), keys("w"), {token_, "10000"}).integer();
        const auto released =
            peer_.run(scripts_.text("release"), keys("wqfh"), {token_, "0"}).integer();
        if (renewed != 1 || released != 1) throw std::runtime_error("the lock was lost");
    }

  private:
    static leaselock::wire::Endpoint at(int port) {
        return {"127.0.0.1", static_cast<std::uint16_t>(port), {}};
    }
    [[nodiscard]] std::string channel() const { return "leaselock:former:" + name_; }
    static std::vector<std::string> keys(const std::string& letters) {
        const std::string key = "hazel:lock:counter";
        std::vector<std::string> all{key};
        for (const char letter : letters) all.push_back(former_key(key, letter));
        return all;
    }

    leaselock::versions::FormerScripts scripts_;
    leaselock::model::ScriptPeer peer_;
    leaselock::model::ScriptPeer subscriber_;
    std::string name_;
    std::string token_{};
    int locked_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 5) throw std::runtime_error("usage: former_worker <port> <scripts> <file> <n>");
    Former former{std::stoi(argv[1]), argv[2]};
    const leaselock::stress::CounterFile file{argv[3]};
    for (int i = 0; i < std::stoi(argv[4]); ++i) {
        file.add_one(former.lock());
        former.unlock();
    }
    return 0;
} catch (const std::exception& error) {
    fmt::print(stderr, "former_worker: {}\n", error.what());
    return 1;
}
