#include "soak/worker.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <stop_token>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

#include "support/history.hpp"
#include "support/poll_until.hpp"

namespace leaselock::soak {
namespace {

using namespace std::chrono_literals;

volatile std::sig_atomic_t keeps_next = 0;

void nap(std::chrono::milliseconds time) {
    boot_clock()->sleep_until(boot_clock()->now() + time, std::stop_token{});
}

void do_in_shell(const std::string& line) {
    // NOLINTNEXTLINE(cert-env33-c): a soak's own words
    if (std::system(line.c_str()) != 0) throw std::runtime_error("failed: " + line);
}

// Each word on its own, in the order of run().
std::vector<std::string> words_of(const std::string& program, const Load& load) {
    return {program,      "work",     load.url, load.prefix, std::to_string(load.replicas),
            load.history, load.errors};
}

void note(const std::string& path, const std::string& what) {
    std::ofstream{path, std::ios::app} << what + '\n';
}

bool is_expected(const std::error_code& error) {
    return error == Family::contended || error == Family::unavailable || error == Family::unknown;
}

}  // namespace

std::string key_of(int number) { return "{key" + std::to_string(number) + '}'; }

LockManager manager_of(const Load& load) {
    LockManager locks{{.prefix = load.prefix}};
    locks.register_backend("redis", make_redis_backend({.url = load.url,
                                                        .command_timeout = 1s,
                                                        .wait_replicas = load.replicas,
                                                        .wait_replicas_timeout = 300ms}));
    locks.set_default_backend("redis");
    return locks;
}

Worker::Worker(const std::string& program, const Load& load, const std::string& address) {
    std::vector<std::string> words = words_of(program, load);
    if (!address.empty()) words.insert(words.begin(), {"unshare", "--net"});
    process_ = std::make_unique<support::ChildProcess>(std::move(words));
    if (!address.empty()) enter_network();
}

// A pair of links, of which the worker has one.
void Worker::enter_network() {
    static int number = 0;
    const std::string pid = std::to_string(process_->pid());
    const std::string net = "10.214." + std::to_string(++number % 250) + '.';
    const auto is_apart = [&] {
        std::error_code error;
        const auto own = std::filesystem::read_symlink("/proc/self/ns/net", error);
        const auto its = std::filesystem::read_symlink("/proc/" + pid + "/ns/net", error);
        return !error && own != its;
    };
    if (!support::poll_until(is_apart)) throw std::runtime_error("no network of its own");
    link_ = "soak" + std::to_string(number);
    const std::string inside = "nsenter --target " + pid + " --net ";
    do_in_shell("ip link add " + link_ + " type veth peer name soak netns " + pid);
    do_in_shell("ip addr add " + net + "1/24 dev " + link_ + " && ip link set " + link_ + " up");
    do_in_shell(inside + "ip addr add " + net + "2/24 dev soak && " + inside +
                "ip link set soak up && " + inside + "ip route add default via " + net + '1');
}

void Worker::keep_next() { (void)::kill(process_->pid(), SIGUSR1); }

void Worker::cut_off() {
    if (!link_.empty()) do_in_shell("ip link set " + link_ + " down");
}

void Worker::connect() {
    if (!link_.empty()) do_in_shell("ip link set " + link_ + " up");
}

void Worker::run(const std::vector<std::string>& words) {
    const Load load{words.at(0), words.at(1), std::stoi(words.at(2)), words.at(3), words.at(4)};
    (void)std::signal(SIGUSR1, [](int) { keeps_next = 1; });
    LockManager locks = manager_of(load);
    support::History history{load.history};
    std::minstd_rand random{std::random_device{}()};
    for (;;) {
        std::error_code error;
        auto lock = support::RecordedLock::acquire(history, locks,
                                                   key_of(static_cast<int>(random() % keys)),
                                                   {.ttl = ttl, .wait_timeout = 5s}, error);
        if (!lock) {
            if (!is_expected(error)) note(load.errors, error.message());
            continue;
        }
        const bool is_kept = keeps_next != 0;
        if (is_kept) keeps_next = 0;
        const bool is_long = random() % 30 == 0;
        const std::chrono::milliseconds time{is_long ? 1000 : random() % 20};
        const auto end = boot_clock()->now() + (is_kept ? 2 * ttl : time);
        do {
            nap(10ms);
        } while (lock->owns_lock() && boot_clock()->now() < end);
        (void)lock->lock().release(error);
        if (error && error != Family::lost && !is_expected(error)) {
            note(load.errors, "release: " + error.message());
        }
    }
}

}  // namespace leaselock::soak
