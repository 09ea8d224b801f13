// A payment service: each order is charged by one process at a time, and a late one cannot write.
//
//     payment <url> <order>...     prints what an HTTP server would answer for each order
#include <iostream>
#include <sqlite3.h>
#include <stdexcept>
#include <string>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

using namespace std::chrono_literals;

// The orders, in SQL. A fencing token needs 64 bits: BIGINT.
class Orders {
  public:
    explicit Orders(const char* file) {
        if (sqlite3_open(file, &db_) != SQLITE_OK) throw std::runtime_error{sqlite3_errmsg(db_)};
        sqlite3_busy_timeout(db_, 5000);
        run("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, fence BIGINT NOT NULL)", "",
            0);
    }
    ~Orders() { sqlite3_close(db_); }
    Orders(const Orders&) = delete;
    Orders& operator=(const Orders&) = delete;

    bool paid(const std::string& id) {
        return run("SELECT 1 FROM orders WHERE id = ?1", id, 0) == SQLITE_ROW;
    }
    // False: a later holder of the lock has written, so this one must not.
    bool mark_paid(const std::string& id, std::uint64_t fence) {
        run("INSERT INTO orders VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET fence = ?2 WHERE "
            "fence <= ?2",
            id, fence);
        return sqlite3_changes(db_) == 1;
    }

  private:
    int run(const char* sql, const std::string& id, std::uint64_t fence) {
        sqlite3_stmt* statement = nullptr;
        sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr);
        sqlite3_bind_text(statement, 1, id.c_str(), -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(statement, 2, static_cast<sqlite3_int64>(fence));
        const int result = sqlite3_step(statement);
        const int end = sqlite3_finalize(statement);
        if (end != SQLITE_OK) throw std::runtime_error{sqlite3_errmsg(db_)};
        return result;
    }
    sqlite3* db_ = nullptr;
};

// Slow, and somewhere else. No lock can stop a charge of a process that is paused in the midst of
// it, so the provider gets the order as its idempotency key: it charges a key once.
void charge_card(const std::string& /*order*/) {}

int pay(leaselock::LockManager& locks, Orders& orders, const std::string& order) try {
    auto lock = LEASELOCK_GUARD(locks, "pay-{{order}}", {.ttl = 10s, .wait_timeout = 2s}, order);
    if (orders.paid(order)) return 200;
    lock.ensure();  // throws LockLost if the lease is over: nothing was charged yet
    charge_card(order);
    return orders.mark_paid(order, lock.fencing_token()) ? 201 : 409;
} catch (const leaselock::LockNotAcquired&) {
    return 409;  // somebody else is paying this order
} catch (const leaselock::LockLost&) {
    return 503;  // nothing was charged: ask again
} catch (const leaselock::LockError& error) {
    std::cerr << error.what() << '\n';
    return error.code() == leaselock::Family::refused ? 500
                                                      : 503;  // wrong call; or try again later
}

int main(int argc, char** argv) try {
    leaselock::LockManager locks = leaselock::connect(argc > 1 ? argv[1] : "memory:");
    Orders orders{"orders.db"};
    for (int i = 2; i < argc; ++i) std::cout << pay(locks, orders, argv[i]) << '\n';
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
}
