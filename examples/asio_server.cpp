// A server on asio: one thread, a coroutine for each connection, and none of them holds up another
// while it waits for a lock.
//
//     asio_server [port]      on 127.0.0.1; 0, or none: a free one. It says which. Ends at SIGTERM.
//     BUY <product>           answered by SOLD <how many are left>, SOLD OUT, BUSY or ERROR <why>
//
// Without the lock two coroutines would read the same number before one of them writes.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <string>

#include <leaselock/asio.hpp>
#include <leaselock/leaselock.hpp>

#if LEASELOCK_ASIO_USES_BOOST
#include <boost/asio.hpp>
namespace asio = boost::asio;
#else
#include <asio.hpp>
#endif

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

struct Shop {
    leaselock::LockManager locks;
    std::map<std::string, int> stock{{"apple", 40}, {"pear", 25}};
};

// As a store somewhere else takes its time.
awaitable<void> store_access() {
    asio::steady_timer timer{co_await asio::this_coro::executor, 1ms};
    co_await timer.async_wait(use_awaitable);
}

awaitable<std::string> buy(Shop& shop, std::string product) {
    if (!shop.stock.contains(product)) co_return "ERROR there is none of that name";
    const std::string key = LEASELOCK_KEY("stock:{{product}}", product);
    auto lock = co_await leaselock::async_acquire(shop.locks, key, {.ttl = 5s, .wait_timeout = 10s},
                                                  use_awaitable);
    if (!lock) co_return "BUSY";

    const int left = shop.stock[product];
    co_await store_access();
    if (left == 0) co_return "SOLD OUT";
    lock->ensure();  // throws if the lease is over: nothing was sold yet
    shop.stock[product] = left - 1;
    co_await leaselock::async_release(*lock, use_awaitable);
    co_return fmt::format("SOLD {}", left - 1);
}

awaitable<std::string> answer(Shop& shop, std::string line) try {
    if (!line.starts_with("BUY ")) co_return "ERROR only BUY <product>";
    co_return co_await buy(shop, line.substr(4));
} catch (const leaselock::Error& error) {
    co_return fmt::format("ERROR {}", error.what());
}

// Until the client goes away, which is an exception that ends the coroutine.
awaitable<void> serve(Shop& shop, tcp::socket socket) {
    std::string text;
    for (;;) {
        const std::size_t size = co_await asio::async_read_until(
            socket, asio::dynamic_buffer(text, 200), '\n', use_awaitable);
        const std::string reply = co_await answer(shop, text.substr(0, size - 1)) + "\n";
        text.erase(0, size);
        co_await asio::async_write(socket, asio::buffer(reply), use_awaitable);
    }
}

awaitable<void> listen(Shop& shop, tcp::acceptor& acceptor) {
    for (;;) {
        auto socket = co_await acceptor.async_accept(use_awaitable);
        asio::co_spawn(acceptor.get_executor(), serve(shop, std::move(socket)), asio::detached);
    }
}

void run(unsigned short port) {
    Shop shop;  // first, for the connections that are left at the end go with the context
    asio::io_context context{1};
    tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), port}};
    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](auto /*error*/, int /*signal*/) { context.stop(); });
    asio::co_spawn(context, listen(shop, acceptor), asio::detached);

    fmt::print("port {}\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    context.run();
    for (const auto& [product, left] : shop.stock) fmt::print("{} {}\n", product, left);
}

}  // namespace

int main(int argc, char** argv) try {
    run(argc > 1 ? static_cast<unsigned short>(std::atoi(argv[1])) : 0);
} catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
}
