#include "support/scripted_peer.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <list>
#include <mutex>
#include <optional>
#include <poll.h>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "support/free_port.hpp"

namespace leaselock::support {
namespace {

using SteadyClock = std::chrono::steady_clock;

// One side of a connection: bytes in until a command is complete, answers out.
struct Client {
    explicit Client(int descriptor) : fd(descriptor) {}
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() { ::close(fd); }

    int fd;
    std::string in;
    std::list<Answer> out;
    SteadyClock::time_point next_byte{};
    bool reads = true;
    bool is_over = false;
};

// A number and the end of its line at the front of `text`, which is cut off.
std::optional<std::size_t> take_number(std::string_view& text, char kind) {
    const std::size_t end = text.find("\r\n");
    std::size_t value = 0;
    if (end == std::string_view::npos || text[0] != kind ||
        std::from_chars(text.data() + 1, text.data() + end, value).ptr != text.data() + end) {
        return std::nullopt;
    }
    text.remove_prefix(end + 2);
    return value;
}

// The command at the front of `in`, which is cut off; nothing if it is not complete.
std::optional<ScriptedPeer::Command> take_command(std::string& in) {
    std::string_view text = in;
    const auto count = take_number(text, '*');
    if (!count) return std::nullopt;
    ScriptedPeer::Command command;
    for (std::size_t i = 0; i < *count; ++i) {
        const auto length = take_number(text, '$');
        if (!length || text.size() < *length + 2) return std::nullopt;
        command.emplace_back(text.substr(0, *length));
        text.remove_prefix(*length + 2);
    }
    in.erase(0, in.size() - text.size());
    return command;
}

}  // namespace

class ScriptedPeer::Loop {
  public:
    Loop() : listener_(bind_any_port(port_)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (wake_ < 0 || ::listen(listener_, 128) != 0 ||
            ::fcntl(listener_, F_SETFL, O_NONBLOCK) != 0) {
            throw std::system_error(errno, std::generic_category(), "scripted peer");
        }
        thread_ = std::thread{[this] { run(); }};
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;
    ~Loop() {
        change([](Loop& self) { self.is_stopping_ = true; });
        thread_.join();
        ::close(listener_);
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

    // Takes all connections that clients have finished by now.
    void accept_all();

    std::uint16_t port_ = 0;
    CommandHandler command_handler_ = [](const Command&) { return Answer::silence(); };
    std::function<Answer()> connect_handler_ = [] { return Answer::silence(); };
    std::list<Client> clients_;
    std::vector<Command> commands_;
    std::size_t connections_ = 0;
    bool is_stopping_ = false;

  private:
    void run();
    [[nodiscard]] int time_to_next_byte() const;
    void read(Client& client);
    static void write(Client& client);
    static void finish(Client& client, Answer::Then then);

    std::mutex mutex_;
    const int listener_;
    const int wake_;
    std::thread thread_;
};

void ScriptedPeer::Loop::run() {
    std::unique_lock lock{mutex_};
    while (!is_stopping_) {
        std::vector<pollfd> entries{{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
        for (const Client& client : clients_) {
            entries.push_back({client.reads ? client.fd : -1, POLLIN, 0});
        }
        const int timeout = time_to_next_byte();
        lock.unlock();
        ::poll(entries.data(), entries.size(), timeout);
        lock.lock();

        std::uint64_t woken = 0;
        [[maybe_unused]] const ssize_t ignored = ::read(wake_, &woken, sizeof woken);
        // Clients that others accepted in the meantime are behind those that were asked for.
        auto client = clients_.begin();
        for (auto entry = entries.begin() + 2; entry != entries.end(); ++entry, ++client) {
            if (entry->revents != 0) read(*client);
        }
        accept_all();
        for (Client& each : clients_) write(each);
        clients_.remove_if([](const Client& each) { return each.is_over; });
    }
    clients_.clear();
}

// In milliseconds, for poll; -1 is for ever.
int ScriptedPeer::Loop::time_to_next_byte() const {
    int timeout = -1;
    for (const Client& client : clients_) {
        if (client.out.empty()) continue;
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(client.next_byte - SteadyClock::now());
        const int wait = std::max(0, static_cast<int>(left.count()));
        timeout = timeout < 0 ? wait : std::min(timeout, wait);
    }
    return timeout;
}

void ScriptedPeer::Loop::accept_all() {
    for (;;) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        ++connections_;
        clients_.emplace_back(fd).out.push_back(connect_handler_());
    }
}

void ScriptedPeer::Loop::read(Client& client) {
    char buffer[4096];
    const ssize_t n = ::recv(client.fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n <= 0) {
        client.is_over = n == 0 || errno != EAGAIN;
        return;
    }
    client.in.append(buffer, static_cast<std::size_t>(n));
    while (auto command = take_command(client.in)) {
        commands_.push_back(*command);
        client.out.push_back(command_handler_(*command));
    }
}

// Sends what is due: one byte of an answer that drips, of others what the socket takes.
void ScriptedPeer::Loop::write(Client& client) {
    while (!client.out.empty() && !client.is_over) {
        Answer& answer = client.out.front();
        if (answer.bytes.empty()) {
            finish(client, answer.then);
            client.out.pop_front();
            continue;
        }
        const auto now = SteadyClock::now();
        if (now < client.next_byte) return;
        const bool drips = answer.drip.count() > 0;
        const ssize_t n = ::send(client.fd, answer.bytes.data(), drips ? 1 : answer.bytes.size(),
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) client.is_over = true;
        if (n > 0) answer.bytes.erase(0, static_cast<std::size_t>(n));
        constexpr std::chrono::milliseconds until_there_may_be_room{1};
        if (drips || n < 0)
            client.next_byte = now + (drips ? answer.drip : until_there_may_be_room);
    }
}

void ScriptedPeer::Loop::finish(Client& client, Answer::Then then) {
    if (then == Answer::Then::go_on) return;
    client.reads = false;
    if (then == Answer::Then::stop_reading) return;
    if (then == Answer::Then::reset) {
        const linger at_once{1, 0};
        ::setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    client.is_over = true;
}

ScriptedPeer::ScriptedPeer() : loop_(std::make_unique<Loop>()) {}

ScriptedPeer::~ScriptedPeer() = default;

void ScriptedPeer::on_command(CommandHandler handler) {
    loop_->change([&](Loop& loop) { loop.command_handler_ = std::move(handler); });
}

void ScriptedPeer::script(std::vector<Answer> answers) {
    on_command([rest = std::list<Answer>(answers.begin(), answers.end())](const Command&) mutable {
        if (rest.empty()) return Answer::silence();
        Answer next = std::move(rest.front());
        rest.pop_front();
        return next;
    });
}

void ScriptedPeer::on_connect(std::function<Answer()> handler) {
    loop_->change([&](Loop& loop) { loop.connect_handler_ = std::move(handler); });
}

void ScriptedPeer::push(const std::string& bytes) {
    loop_->change([&](Loop& loop) {
        loop.accept_all();
        for (Client& client : loop.clients_) client.out.push_back(Answer::reply(bytes));
    });
}

void ScriptedPeer::drop_all(Answer::Then then) {
    loop_->change([&](Loop& loop) {
        loop.accept_all();
        for (Client& client : loop.clients_) client.out.push_back({.bytes = {}, .then = then});
    });
}

std::uint16_t ScriptedPeer::port() const noexcept { return loop_->port_; }

std::string ScriptedPeer::url() const { return "redis://127.0.0.1:" + std::to_string(port()); }

std::size_t ScriptedPeer::connections() const {
    return loop_->ask([](const Loop& loop) { return loop.connections_; });
}

std::size_t ScriptedPeer::open_connections() const {
    return loop_->ask([](const Loop& loop) { return loop.clients_.size(); });
}

std::vector<ScriptedPeer::Command> ScriptedPeer::commands() const {
    return loop_->ask([](const Loop& loop) { return loop.commands_; });
}

}  // namespace leaselock::support
