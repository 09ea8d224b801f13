// A process whose coroutines wait for the lock "key" beside a test, which stops it and kills it.
//
//     waiter_worker <url> <directory> <name> <waiters>
//
// When they have begun there is a file <directory>/<name>.ready. Each that is served proves by a
// key of the server that no other is inside, and appends "<name>.<number> <fence>" to
// <directory>/served; the history is <directory>/history. It ends with 0 when all were served, else
// with the number of what was wrong.
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <leaselock/async.hpp>
#include <leaselock/redis.hpp>

#include "support/coroutines.hpp"
#include "support/history.hpp"
#include "support/poll_until.hpp"
#include "wire/command.hpp"
#include "wire/connection.hpp"
#include "wire/url.hpp"

namespace {

using namespace leaselock;
using namespace leaselock::support;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds limit = 50s;

// The server, asked beside the library.
class Witness {
  public:
    explicit Witness(const std::string& url) {
        const wire::Url where = wire::parse_url(url);
        std::string why;
        if (connection_.open({where.host, where.port, {}}, deadline(), why)) std::_Exit(10);
    }
    // Whether the server had nobody inside until now.
    bool enter(const std::string& who) {
        const wire::RespValue reply = ask({"SET", "inside", who, "NX"});
        return reply.text() == "OK";
    }
    // Whether it was inside.
    bool leave() { return ask({"DEL", "inside"}).integer() == 1; }

  private:
    static Clock::time_point deadline() { return boot_clock()->now() + limit; }
    wire::RespValue ask(const std::vector<std::string_view>& words) {
        std::string bytes;
        wire::append_command(bytes, words);
        wire::RespValue reply;
        if (connection_.send(bytes, deadline()).error) std::_Exit(11);
        if (connection_.receive(reply, deadline()) != wire::Received::reply) std::_Exit(12);
        return reply;
    }

    wire::Connection connection_{boot_clock()};
};

// All that the waiters of this process share. They run on the thread of main().
struct Crowd {
    Crowd(const std::string& url, std::string where, std::string who)
        : directory{std::move(where)}, name{std::move(who)}, witness{url}, locks{manager_on(url)} {}

    static LockManager manager_on(const std::string& url) {
        LockManager all{{.prefix = "p:", .backend = "redis", .shutdown_timeout = 10s}};
        all.register_backend(
            "redis",
            make_redis_backend({.url = url, .connect_timeout = limit, .command_timeout = limit}));
        return all;
    }
    // One write, so that the lines of all processes stand in the order of the sections.
    void note(int number, std::uint64_t fence) const {
        const std::string line = fmt::format("{}.{} {}\n", name, number, fence);
        const int fd = ::open((directory + "/served").c_str(),
                              O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
            std::_Exit(13);
        }
        ::close(fd);
    }
    void wrong(int what) {
        if (status == 0) status = what;
    }

    std::string directory;
    std::string name;
    Witness witness;
    History history{directory + "/history"};
    Loop loop;
    int ended = 0;
    int status = 0;     // what was wrong first
    LockManager locks;  // the first to go, with what the rest is used by
};

Detached wait(Crowd& crowd, int number) {
    const Clock::time_point asked = boot_clock()->now();
    std::error_code ec;
    auto lock =
        co_await crowd.locks.async_acquire("key", {.ttl = 30s, .wait_timeout = forever}, {}, ec)
            .resume_on(crowd.loop);
    if (!lock) {
        crowd.wrong(2);
        co_return;
    }
    const std::uint64_t fence = lock->fencing_token();
    const std::string holder = crowd.history.granted("key", fence, asked, boot_clock()->now());
    if (!crowd.witness.enter(crowd.name)) crowd.wrong(3);
    crowd.note(number, fence);
    const Clock::time_point last = boot_clock()->now();
    if (!lock->owns_lock()) crowd.wrong(4);
    crowd.history.said_yes(holder, last);
    if (!crowd.witness.leave()) crowd.wrong(5);
    const ReleaseResult released = co_await lock->async_release(ec).resume_on(crowd.loop);
    if (released != ReleaseResult::released) crowd.wrong(6);
    ++crowd.ended;
}

// The answer to what is asked after the first one's poll comes after its own: it is queued then,
// and the others are after it.
Detached begin(Crowd& crowd, int waiters) {
    wait(crowd, 0);
    std::error_code ec;
    auto beside = co_await crowd.locks.async_acquire("beside-" + crowd.name, {}, {}, ec)
                      .resume_on(crowd.loop);
    if (!beside) crowd.wrong(8);
    for (int number = 1; number < waiters; ++number) wait(crowd, number);
    const std::ofstream ready{crowd.directory + "/" + crowd.name + ".ready"};
    if (beside) (void)co_await beside->async_release().resume_on(crowd.loop);
    ++crowd.ended;
}

}  // namespace

int main(int count, char** words) {
    if (count != 5) return 1;
    const int waiters = std::atoi(words[4]);
    Crowd crowd{words[1], words[2], words[3]};
    begin(crowd, waiters);
    const bool done = poll_until(
        [&] {
            while (crowd.loop.run_one()) {
            }
            return crowd.status != 0 || crowd.ended == waiters + 1;
        },
        limit);
    return done ? crowd.status : 7;
}
