#include "support/weather_proxy.hpp"

#include <algorithm>
#include <list>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <thread>
#include <utility>
#include <vector>

#include "support/free_port.hpp"
#include "support/resp_length.hpp"
#include "support/weather_session.hpp"

namespace leaselock::support {

using namespace weather;
using Sky = WeatherProxy::Sky;

class WeatherProxy::Loop {
  public:
    Loop(std::uint16_t server, Splits splits)
        : server_(server), splits_(splits), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        listener_ = bind_any_port(port_);
        if (wake_ < 0) fail("weather proxy");
        allow_again(listener_);
        listen_on(listener_);
        thread_ = std::thread{[this] { run(); }};
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop() {
        change([](Loop& self) { self.is_stopping_ = true; });
        thread_.join();
        if (listener_ >= 0) ::close(listener_);
        ::close(wake_);
    }

    // Runs `action` under the lock and lets the thread look again.
    template <typename Action>
    void change(Action action) {
        {
            const std::lock_guard lock{mutex_};
            action(*this);
        }
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t ignored = ::write(wake_, &one, sizeof one);
    }
    template <typename Question>
    auto ask(Question question) {
        const std::lock_guard lock{mutex_};
        return question(*this);
    }

    void set_sky(Sky sky);
    void let_go();
    void lose_server();

    struct Slowness {
        milliseconds delay{0};
        milliseconds drip{0};
    };
    struct Strike {
        std::size_t left = 0;  // messages until it comes; 0: none is to come
        Fate fate = Fate::lost;
    };

    std::uint16_t port_ = 0;
    std::uint16_t server_;
    const Splits splits_;
    std::array<Slowness, 2> slowness_{};
    std::array<Strike, 2> strikes_{};
    std::array<std::size_t, 2> messages_{};
    std::size_t connections_ = 0;
    std::list<Session> sessions_;
    bool is_stopping_ = false;

  private:
    void run();
    void accept_one();
    [[nodiscard]] std::vector<pollfd> entries() const;
    [[nodiscard]] int time_to_next_piece() const;
    void read(Session& session, Way way);
    void take(Session& session, Way way, std::string message);
    static void write(Session& session, Way way);

    Sky sky_ = Sky::clear;
    std::mutex mutex_;
    int listener_ = -1;
    const int wake_;
    std::thread thread_;
};

// The port is the proxy's also while nobody listens on it: the test asks for it again.
void WeatherProxy::Loop::set_sky(Sky sky) {
    sky_ = sky;
    if (sky == Sky::refuse && listener_ >= 0) {
        ::shutdown(listener_, SHUT_RDWR);  // at once, also while the thread polls it
        ::close(listener_);
        listener_ = -1;
    } else if (sky != Sky::refuse && listener_ < 0) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in address = loopback(port_);
        allow_again(fd);
        if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            ::close(fd);
            fail("weather proxy");
        }
        listen_on(fd);
        listener_ = fd;
    }
}

void WeatherProxy::Loop::let_go() {
    for (Session& session : sessions_) {
        for (Lane& lane : session.lanes) {
            for (Piece& piece : lane.out) piece.is_held = false;
        }
    }
}

void WeatherProxy::Loop::lose_server() {
    for (Session& session : sessions_) {
        if (session.server >= 0) ::close(session.server);
        session.server = -1;
        for (Lane& lane : session.lanes) lane.out.clear();
    }
}

void WeatherProxy::Loop::run() {
    std::unique_lock lock{mutex_};
    while (!is_stopping_) {
        std::vector<pollfd> polled = entries();
        const int timeout = time_to_next_piece();
        lock.unlock();
        ::poll(polled.data(), polled.size(), timeout);
        lock.lock();

        std::uint64_t woken = 0;
        [[maybe_unused]] const ssize_t ignored = ::read(wake_, &woken, sizeof woken);
        // Reading is tried on all: what was polled may have changed meanwhile.
        for (Session& session : sessions_) {
            for (const Way way : ways) read(session, way);
        }
        if (polled[1].revents != 0) accept_one();
        for (Session& session : sessions_) {
            for (const Way way : ways) write(session, way);
        }
        sessions_.remove_if([](const Session& session) { return session.is_over; });
    }
    sessions_.clear();
}

std::vector<pollfd> WeatherProxy::Loop::entries() const {
    std::vector<pollfd> result{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Session& session : sessions_) {
        if (sky_ == Sky::stall) break;
        for (const Way way : ways) {
            const bool more = !session.lanes[index(way)].has_ended;
            result.push_back({more ? session.from(way) : -1, POLLIN, 0});
        }
    }
    return result;
}

// In milliseconds, for poll; -1 is for ever.
int WeatherProxy::Loop::time_to_next_piece() const {
    int timeout = -1;
    for (const Session& session : sessions_) {
        for (const Lane& lane : session.lanes) {
            if (lane.out.empty() || lane.out.front().is_held) continue;
            const auto left =
                std::chrono::ceil<milliseconds>(lane.out.front().due - SteadyClock::now());
            const int wait = std::max(0, static_cast<int>(left.count()));
            timeout = timeout < 0 ? wait : std::min(timeout, wait);
        }
    }
    return timeout;
}

// A client of a server that is not there is sent away.
void WeatherProxy::Loop::accept_one() {
    if (listener_ < 0) return;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) return;
    ++connections_;
    leave_at_once(client);
    const int server = connect_to(server_);
    Session& session = sessions_.emplace_back(client, server);
    if (server < 0) session.end(Fate::reset);
}

void WeatherProxy::Loop::read(Session& session, Way way) {
    const int from = session.from(way);
    Lane& lane = session.lanes[index(way)];
    if (from < 0 || session.is_over || lane.has_ended || sky_ == Sky::stall) return;
    std::array<char, 16384> buffer;
    const ssize_t n = ::recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        // What is on its way arrives before the end does.
        lane.has_ended = true;
        lane.out.push_back({.bytes = {}, .due = SteadyClock::now(), .is_last = true});
        return;
    }
    lane.in.append(buffer.data(), static_cast<std::size_t>(n));
    if (splits_ == Splits::reads) return take(session, way, std::exchange(lane.in, {}));
    while (const auto length = resp_length(lane.in)) {
        std::string message = lane.in.substr(0, *length);
        lane.in.erase(0, *length);
        take(session, way, std::move(message));
    }
}

void WeatherProxy::Loop::take(Session& session, Way way, std::string message) {
    ++messages_[index(way)];
    Strike& strike = strikes_[index(way)];
    const bool struck = strike.left > 0 && --strike.left == 0;
    Lane& lane = session.lanes[index(way)];
    if (sky_ == Sky::silence || session.server < 0 || session.is_over || lane.is_cut) return;
    const Slowness& slowness = slowness_[index(way)];
    Piece piece{.bytes = std::move(message),
                .due = SteadyClock::now() + slowness.delay,
                .drip = slowness.drip};
    if (struck) {
        switch (strike.fate) {
            case Fate::lost: lane.is_cut = true; return;
            case Fate::late: piece.is_held = true; break;
            case Fate::closed:
            case Fate::reset: session.end(strike.fate); return;
            case Fate::truncated:
                piece.bytes.resize(piece.bytes.size() / 2);
                piece.is_last = true;
                break;
            case Fate::corrupt: piece.bytes[0] = '?'; break;
        }
    }
    lane.out.push_back(std::move(piece));
}

void WeatherProxy::Loop::write(Session& session, Way way) {
    std::deque<Piece>& out = session.lanes[index(way)].out;
    while (!out.empty() && !session.is_over) {
        Piece& piece = out.front();
        const auto now = SteadyClock::now();
        if (piece.is_held || now < piece.due) return;
        if (!piece.bytes.empty()) {
            const bool drips = piece.drip.count() > 0;
            const ssize_t n = ::send(session.to(way), piece.bytes.data(),
                                     drips ? 1 : piece.bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            constexpr milliseconds until_there_may_be_room{1};
            if (n < 0 && errno != EAGAIN) session.is_over = true;
            if (n > 0) piece.bytes.erase(0, static_cast<std::size_t>(n));
            piece.due = now + (drips ? piece.drip : until_there_may_be_room);
            if (!piece.bytes.empty()) return;
        }
        session.is_over = session.is_over || piece.is_last;
        out.pop_front();
    }
}

WeatherProxy::WeatherProxy(std::uint16_t server, Splits splits)
    : loop_(std::make_unique<Loop>(server, splits)) {}

WeatherProxy::~WeatherProxy() = default;

void WeatherProxy::set_sky(Sky sky) {
    loop_->change([&](Loop& loop) { loop.set_sky(sky); });
}

void WeatherProxy::slow_down(Way way, milliseconds delay, milliseconds drip) {
    loop_->change([&](Loop& loop) { loop.slowness_[index(way)] = {delay, drip}; });
}

void WeatherProxy::strike(Way way, std::size_t n, Fate fate) {
    loop_->change([&](Loop& loop) { loop.strikes_[index(way)] = {n, fate}; });
}

void WeatherProxy::let_go() {
    loop_->change([](Loop& loop) { loop.let_go(); });
}

void WeatherProxy::lead_to(std::uint16_t server) {
    loop_->change([&](Loop& loop) { loop.server_ = server; });
}

void WeatherProxy::lose_server() {
    loop_->change([](Loop& loop) { loop.lose_server(); });
}

void WeatherProxy::drop_all(Fate fate) {
    loop_->change([&](Loop& loop) {
        for (Session& session : loop.sessions_) session.end(fate);
    });
}

std::uint16_t WeatherProxy::port() const noexcept { return loop_->port_; }

std::string WeatherProxy::url() const { return "redis://127.0.0.1:" + std::to_string(port()); }

std::size_t WeatherProxy::connections() const {
    return loop_->ask([](const Loop& loop) { return loop.connections_; });
}

std::size_t WeatherProxy::open_connections() const {
    return loop_->ask([](const Loop& loop) { return loop.sessions_.size(); });
}

std::size_t WeatherProxy::messages(Way way) const {
    return loop_->ask([&](const Loop& loop) { return loop.messages_[index(way)]; });
}

bool WeatherProxy::has_struck(Way way) const {
    return loop_->ask([&](const Loop& loop) { return loop.strikes_[index(way)].left == 0; });
}

}  // namespace leaselock::support
