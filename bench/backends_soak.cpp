// Locks with a ttl of 10 s at two servers and in a directory, by one manager, while one of the
// backends is in trouble for a minute: a server that is stopped, dead or slow, a file in which
// somebody stands still. How much time is lost to the leases at the others? A lease is renewed when
// two thirds of it are left; what is missing to that is lost. Somebody waits at the backend in
// trouble all the while, by a thread and by a callback.
//   backends_soak [<seconds for each trouble>]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <fcntl.h>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include <leaselock/async.hpp>
#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

#include "support/lease_meter.hpp"
#include "support/redis_server.hpp"
#include "support/temp_dir.hpp"
#include "support/weather_proxy.hpp"

namespace {

using namespace std::chrono_literals;
using namespace leaselock::support;

constexpr auto ttl = 10s;
constexpr int locks_each = 20;
constexpr double most_lost = 0.1;

enum class Trouble { stopped, killed, slow, occupied };

struct Kind {
    Trouble trouble;
    const char* name;
};
constexpr Kind kinds[] = {{Trouble::stopped, "server stopped"},
                          {Trouble::killed, "server killed"},
                          {Trouble::slow, "server slow"},
                          {Trouble::occupied, "file occupied"}};

class World {
  public:
    World() {
        locks_.register_backend("server", leaselock::make_redis_backend({.url = proxy_.url()}));
        locks_.register_backend("other", leaselock::make_redis_backend({.url = other_.url()}));
        locks_.register_backend("files", leaselock::make_file_backend({.directory = path_}));
        for (const char* backend : {"server", "other", "files"}) {
            for (int i = 0; i < locks_each; ++i) hold(backend, i);
        }
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World() {
        stop_.request_stop();
        if (inside_ >= 0) ::close(inside_);
    }

    void begin(Trouble trouble) {
        switch (trouble) {
            case Trouble::stopped: server_.pause(); break;
            case Trouble::killed: server_.kill9(); break;
            case Trouble::slow: proxy_.slow_down(Way::replies, 900ms); break;
            case Trouble::occupied: occupy(); break;
        }
        backend_ = trouble == Trouble::occupied ? "files" : "server";
        locks_.async_acquire("0", waits(), stop_.get_token(), [](auto, std::error_code) {});
        waiter_ = std::jthread{[this] {
            std::error_code ec;
            (void)locks_.acquire("0", waits(), stop_.get_token(), ec);
        }};
    }
    // The leases at a backend in trouble are left out, as is the one whose file is occupied.
    [[nodiscard]] LeaseMeter healthy(Trouble trouble) const {
        LeaseMeter watch;
        for (const auto& [name, lock] : held_) {
            const bool is_hit =
                trouble == Trouble::occupied ? name == "files/0" : name.rfind("server/", 0) == 0;
            if (!is_hit) watch.add(name, lock, ttl);
        }
        return watch;
    }

  private:
    void hold(const std::string& backend, int number) {
        const std::string key = std::to_string(number);
        auto lock = locks_.acquire(key, {.ttl = ttl, .backend = backend});
        if (!lock) throw std::runtime_error(backend + " gives no lock");
        held_.emplace_back(backend + "/" + key, std::move(*lock));
    }
    [[nodiscard]] leaselock::LockOptions waits() const {
        return {.ttl = ttl, .wait_timeout = leaselock::forever, .backend = backend_};
    }
    void occupy() {
        struct flock whole {};
        whole.l_type = F_WRLCK;
        whole.l_len = 1;
        inside_ = ::open((path_ + "/0").c_str(), O_RDWR | O_CLOEXEC);
        while (::fcntl(inside_, F_OFD_SETLK, &whole) != 0) {
            if (inside_ < 0) throw std::runtime_error("there is no such file");
            std::this_thread::sleep_for(1ms);
        }
    }

    RedisServer server_;
    WeatherProxy proxy_{server_.port()};
    RedisServer other_;
    TempDir home_;
    const std::string path_ = home_.file("locks");
    std::string backend_;
    int inside_ = -1;
    leaselock::LockManager locks_{{.prefix = ""}};
    std::deque<std::pair<std::string, leaselock::ScopedDistributedLock>> held_;
    std::stop_source stop_;
    std::jthread waiter_;
};

// Whether all was kept.
bool soak(const Kind& kind, std::chrono::seconds time) {
    World world;
    world.begin(kind.trouble);
    LeaseMeter watch = world.healthy(kind.trouble);
    int lost = 0;
    double least = 1;
    for (const LeaseMeter::Lease& lease : watch.watch(time)) {
        least = std::min(least, lease.least);
        lost += lease.is_lost ? 1 : 0;
    }
    const double late = 2.0 / 3 - least;
    const bool is_well = lost == 0 && late < most_lost;
    std::printf("%-15s %3ld s  leases lost elsewhere %d  most of a ttl lost there %4.1f %%  %s\n",
                kind.name, static_cast<long>(time.count()), lost, 100 * late,
                is_well ? "ok" : "MISSED (none, < 10 %)");
    std::fflush(stdout);
    return is_well;
}

}  // namespace

int main(int count, char** words) try {
    const std::chrono::seconds time{count > 1 ? std::atoi(words[1]) : 60};
    bool is_well = true;
    for (const Kind& kind : kinds) is_well = soak(kind, time) && is_well;
    return is_well ? 0 : 1;
} catch (const std::exception& error) {
    std::fprintf(stderr, "backends_soak: %s\n", error.what());
    return 1;
}
