// Goal: what the own machine does to a program is survived: a look-up of a name that hangs, signals
// all the time, sends and receives that do a part of the work or none, no descriptor left, a server
// that closes idle clients. Method: a getaddrinfo, socket, send and recv of the test's own, which
// the linker takes before the system's; a timer; a real redis-server.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <dlfcn.h>
#include <mutex>
#include <netdb.h>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <vector>

#include <leaselock/testing/detail/granted.hpp>

#include "fault/fault_fixture.hpp"
#include "support/certificates.hpp"

namespace leaselock {
namespace {

using namespace support;

// Look-ups of "slow.test" wait for this; it is 127.0.0.1.
std::mutex slow_look_up;

// Why no socket can be had; 0: one can.
std::atomic<int> socket_error{0};

TEST(SystemTrouble, Row3LookUpThatHangsIsUnavailableInTimeAndHurtsNobodyElse) {
    RedisServer server;
    const std::string port = std::to_string(server.port());
    LockManager other = manager_on(server.url());
    LockManager locks = manager_on("redis://slow.test:" + port, short_timeout);
    {
        const std::lock_guard hanging{slow_look_up};
        const auto took = time_of([&] { expect_cannot_acquire(locks, Errc::connect_failed); });
        EXPECT_LT(took, short_timeout * patience);
        expect_works(other);
    }
    ASSERT_TRUE(poll_until([&] {
        std::error_code ec;
        return granted(locks.acquire("key", {}, ec));
    }));
    expect_works(locks);
}

// How the system is moody with sends and receives: not now, interrupted, a byte at a time.
std::atomic<bool> is_moody{false};
std::atomic<unsigned> moods{0};
enum class Mood { as_ever, interrupted, not_now, one_byte };

Mood next_mood() {
    constexpr std::array cycle{Mood::one_byte, Mood::interrupted, Mood::one_byte, Mood::not_now};
    return is_moody ? cycle[moods++ % cycle.size()] : Mood::as_ever;
}

class Moody {
  public:
    Moody() {
        moods = 0;
        is_moody = true;
    }
    Moody(const Moody&) = delete;
    Moody& operator=(const Moody&) = delete;
    ~Moody() { is_moody = false; }
};

// Every command and every answer is cut to pieces, the login too.
void expect_no_effect(const std::string& url) {
    LockManager locks = manager_on(url);
    const Moody moody;
    std::vector<std::thread> threads;
    for (int n = 0; n < 3; ++n) {
        threads.emplace_back([&, key = "key-" + std::to_string(n)] {
            for (int i = 0; i < 20; ++i) expect_works(locks, key);
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_GT(moods, 1000U) << "it did happen";
}

TEST(SystemTrouble, Row46ShortWritesShortReadsAndEagainHaveNoEffect) {
    RedisServer server;
    expect_no_effect(server.url());
    expect_no_effect(server.unix_url());
}

#ifdef LEASELOCK_HAS_TLS
TEST(SystemTrouble, Row46ShortWritesShortReadsAndEagainHaveNoEffectOnTls) {
    TlsServer server;
    expect_no_effect(server.url());
}
#endif

TEST(SystemTrouble, Row46SignalsAllTheTimeHaveNoEffect) {
    static std::atomic<int> signals{0};
    RedisServer server;
    LockManager locks = manager_on(server.url());
    struct sigaction count {};
    struct sigaction before {};
    count.sa_handler = [](int) { ++signals; };  // without SA_RESTART: calls end with EINTR
    ASSERT_EQ(::sigaction(SIGALRM, &count, &before), 0);
    const itimerval each_ms{{0, 1000}, {0, 1000}};
    ASSERT_EQ(::setitimer(ITIMER_REAL, &each_ms, nullptr), 0);
    std::vector<std::thread> threads;
    for (int n = 0; n < 3; ++n) {
        threads.emplace_back([&] {
            for (int i = 0; i < 20; ++i) {
                std::error_code ec;
                auto lock =
                    locks.acquire("key", {.wait_timeout = long_timeout, .retry_delay = 1ms}, ec);
                EXPECT_TRUE(lock) << ec.message();
                if (lock) {
                    EXPECT_EQ(lock->release(ec), ReleaseResult::released) << ec.message();
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(poll_until([] { return signals > 10; }));
    const itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
}

TEST(SystemTrouble, Row47NoDescriptorLeftIsUnavailable) {
    RedisServer server;
    LockManager locks = manager_on(server.url());
    expect_works(locks);
    server.cli("CLIENT", "KILL", "TYPE", "normal");
    let_idle();
    for (const int error : {EMFILE, ENFILE, ENOMEM}) {
        socket_error = error;
        expect_cannot_acquire(locks, Errc::connect_failed);
    }
    socket_error = 0;
    expect_works(locks);
}

TEST(SystemTrouble, Row66ServerThatClosesIdleClientsIsNotNoticed) {
    RedisServer server{{"--timeout", "1"}};
    LockManager locks = manager_on(server.url());
    expect_works(locks);
    // Asked over connections that come and go, so that only ours can be idle for so long.
    ASSERT_TRUE(poll_until([&] { return info(server, "clients", "connected_clients") == "1"; }));
    expect_works(locks);
}

}  // namespace
}  // namespace leaselock

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
    static const auto system =
        reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    const bool is_address = (hints->ai_flags & AI_NUMERICHOST) != 0;
    if (is_address || std::string{host} != "slow.test") {
        return system(host, service, hints, found);
    }
    const std::lock_guard lock{leaselock::slow_look_up};
    return system("127.0.0.1", service, hints, found);
}

extern "C" int socket(int domain, int type, int protocol) noexcept {
    static const auto system = reinterpret_cast<decltype(&socket)>(::dlsym(RTLD_NEXT, "socket"));
    const int error = leaselock::socket_error;
    if (error == 0) return system(domain, type, protocol);
    errno = error;
    return -1;
}

namespace {

// -1 with its errno, or as many bytes as may be moved.
ssize_t allowed(std::size_t count) noexcept {
    using leaselock::Mood;
    switch (leaselock::next_mood()) {
        case Mood::interrupted: errno = EINTR; return -1;
        case Mood::not_now: errno = EAGAIN; return -1;
        case Mood::one_byte: return std::min<ssize_t>(static_cast<ssize_t>(count), 1);
        case Mood::as_ever: break;
    }
    return static_cast<ssize_t>(count);
}

}  // namespace

extern "C" ssize_t send(int fd, const void* bytes, std::size_t count, int flags) {
    static const auto system = reinterpret_cast<decltype(&send)>(::dlsym(RTLD_NEXT, "send"));
    const ssize_t most = allowed(count);
    return most < 0 ? most : system(fd, bytes, static_cast<std::size_t>(most), flags);
}

extern "C" ssize_t recv(int fd, void* bytes, std::size_t count, int flags) {
    static const auto system = reinterpret_cast<decltype(&recv)>(::dlsym(RTLD_NEXT, "recv"));
    const ssize_t most = allowed(count);
    return most < 0 ? most : system(fd, bytes, static_cast<std::size_t>(most), flags);
}
