#include "support/redis_server.hpp"

#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

#include "support/free_port.hpp"
#include "support/poll_until.hpp"
#include "support/resp_text.hpp"
#include "wire/command.hpp"

namespace leaselock::support {
namespace {

using namespace std::chrono_literals;

std::string program() {
    const char* const named = std::getenv("LEASELOCK_TEST_SERVER");
    return named == nullptr ? "redis-server" : named;
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> arguments, WallClock wall_clock)
    : arguments_(std::move(arguments)), wall_clock_(wall_clock), out_of_band_(boot_clock()) {
    write_clock_shift();
    constexpr int tries = 5;
    for (int i = 0; i < tries; ++i) {
        port_ = free_port();
        if (start()) return;
    }
    throw std::runtime_error(program() + " does not start: " + log_end());
}

std::string RedisServer::url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

std::string RedisServer::unix_url() const { return "redis+unix://" + socket_path(); }

void RedisServer::stop() {
    if (!process_) return;
    process_->terminate();
    process_->wait(5s);
    process_.reset();
}

void RedisServer::kill9() { process_.reset(); }

void RedisServer::pause() { process_->pause(); }

void RedisServer::resume() { process_->resume(); }

void RedisServer::restart() {
    stop();
    if (!start()) throw std::runtime_error("redis-server does not start again: " + log_end());
}

void RedisServer::step_clock(std::chrono::nanoseconds step) {
    if (wall_clock_ == WallClock::real) throw std::logic_error("this server has the real clock");
    clock_shift_ += step;
    write_clock_shift();
}

// One write of eight aligned bytes, which the server has mapped.
void RedisServer::write_clock_shift() {
    const std::int64_t ns = clock_shift_.count();
    const int fd =
        ::open(directory_.file("clock_shift").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const bool is_written = fd >= 0 && ::pwrite(fd, &ns, sizeof ns, 0) == sizeof ns;
    if (fd >= 0) ::close(fd);
    if (!is_written) throw std::runtime_error("the shift of the clock cannot be written");
}

// Whether it answers in time. An end before that means that the port was taken, or a bad argument.
bool RedisServer::start() {
    std::vector<std::string> words{program(), "--port", std::to_string(port_)};
    const std::vector<std::string> own{
        "--bind", "127.0.0.1",    "--unixsocket", socket_path(), "--save",
        "",       "--appendonly", "no",           "--dir",       directory_.path().string()};
    words.insert(words.end(), own.begin(), own.end());
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    ChildProcess::Options options{.output = directory_.file("log")};
    if (wall_clock_ == WallClock::steppable) {
        options.environment = {std::string("LD_PRELOAD=") + LEASELOCK_CLOCK_SHIM,
                               "LEASELOCK_CLOCK_SHIFT=" + directory_.file("clock_shift")};
    }
    process_.emplace(std::move(words), options);
    bool has_answered = false;
    const bool is_decided =
        poll_until([&] { return process_->has_ended() || (has_answered = answers()); }, 20s);
    if (is_decided && has_answered) return true;
    stop();
    return false;
}

// Any answer but LOADING will do; a server with a password says NOAUTH. It must be our own process
// that answers, so its unix socket is asked, and the port was its own if it got that far.
bool RedisServer::answers() {
    wire::Connection connection{boot_clock()};
    const auto until = boot_clock()->now() + 1s;
    std::string why;
    std::string ping;
    wire::append_command(ping, std::vector<std::string_view>{"PING"});
    wire::RespValue reply;
    return !connection.open(unix_endpoint(), until, why) && !connection.send(ping, until).error &&
           connection.receive(reply, until) == wire::Received::reply &&
           !reply.text().starts_with("LOADING");
}

std::string RedisServer::command(const std::vector<std::string>& arguments) {
    const std::lock_guard lock{mutex_};
    if (out_of_band_.is_stale()) open_out_of_band();
    return ask(arguments);
}

void RedisServer::authenticate_as(std::string user, std::string password) {
    const std::lock_guard lock{mutex_};
    user_ = std::move(user);
    password_ = std::move(password);
    out_of_band_.close();
}

void RedisServer::open_out_of_band() {
    std::string why;
    if (out_of_band_.open(unix_endpoint(), boot_clock()->now() + 5s, why)) {
        throw std::runtime_error("cannot connect to redis-server: " + why);
    }
    if (!password_.empty()) ask({"AUTH", user_.empty() ? "default" : user_, password_});
}

std::string RedisServer::ask(const std::vector<std::string>& arguments) {
    const std::vector<std::string_view> views{arguments.begin(), arguments.end()};
    std::string bytes;
    wire::append_command(bytes, views);
    const auto until = boot_clock()->now() + 10s;
    wire::RespValue reply;
    if (out_of_band_.send(bytes, until).error ||
        out_of_band_.receive(reply, until) != wire::Received::reply) {
        out_of_band_.close();
        throw std::runtime_error("no reply of redis-server to " + arguments.front());
    }
    if (reply.is_error()) throw std::runtime_error(std::string(reply.text()));
    return resp_text(reply);
}

std::string RedisServer::log_end() const {
    std::ifstream file{directory_.file("log")};
    std::ostringstream text;
    text << file.rdbuf();
    const std::string all = text.str();
    constexpr std::size_t enough = 1000;
    if (all.empty()) return "it said nothing; is it there? ./dev test fetches what is missing";
    return all.size() > enough ? all.substr(all.size() - enough) : all;
}

}  // namespace leaselock::support
