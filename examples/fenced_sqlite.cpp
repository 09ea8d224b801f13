// Fencing tokens in a database: a table whose rows remember the token of their last writer, and a
// statement that writes unless that is a younger one. Shown with SQLite; PostgreSQL takes the same.
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <sqlite3.h>
#include <stdexcept>
#include <string>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

class Documents {
  public:
    Documents() {
        if (sqlite3_open(":memory:", &database_) != SQLITE_OK) fail();
        run(R"(CREATE TABLE documents (id INTEGER PRIMARY KEY, text TEXT NOT NULL,
                                       fence BIGINT NOT NULL CHECK (fence > 0)))");
    }
    Documents(const Documents&) = delete;
    Documents& operator=(const Documents&) = delete;
    ~Documents() { sqlite3_close(database_); }

    // Whether it was written. If not, a later holder was here, and the caller's lock is lost.
    bool write(int id, const std::string& text, std::uint64_t fencing_token) {
        const Statement statement = prepare(R"(
            INSERT INTO documents (id, text, fence) VALUES (:id, :text, :fence)
            ON CONFLICT (id) DO UPDATE SET text = excluded.text, fence = excluded.fence
            WHERE documents.fence <= excluded.fence
        )");
        sqlite3_bind_int(statement.get(), 1, id);
        sqlite3_bind_text(statement.get(), 2, text.c_str(), -1, SQLITE_TRANSIENT);
        sqlite3_bind_int64(statement.get(), 3, static_cast<sqlite3_int64>(fencing_token));
        if (sqlite3_step(statement.get()) != SQLITE_DONE) fail();
        return sqlite3_changes(database_) == 1;
    }

    std::string text(int id) {
        const Statement statement = prepare("SELECT text FROM documents WHERE id = :id");
        sqlite3_bind_int(statement.get(), 1, id);
        if (sqlite3_step(statement.get()) != SQLITE_ROW) fail();
        return reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0));
    }

  private:
    using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

    Statement prepare(const char* sql) {
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr) != SQLITE_OK) fail();
        return {statement, &sqlite3_finalize};
    }
    void run(const char* sql) {
        if (sqlite3_step(prepare(sql).get()) != SQLITE_DONE) fail();
    }
    [[noreturn]] void fail() { throw std::runtime_error(sqlite3_errmsg(database_)); }

    sqlite3* database_ = nullptr;
};

int run() {
    leaselock::LockManager locks;
    Documents documents;

    // Nobody renews it, so the lease of 100 ms is over while its holder does something else.
    const auto slow =
        locks.acquire("document:1", {.ttl = 100ms, .renewal = leaselock::Renewal::off});
    const auto next = locks.acquire("document:1", {.wait_timeout = 10s});
    if (!slow || !next) return 1;

    const bool first = documents.write(1, "by the old holder", slow->fencing_token());
    const bool second = documents.write(1, "by the new one", next->fencing_token());
    const bool again = documents.write(1, "by the new one, again", next->fencing_token());
    const bool late = documents.write(1, "by the old holder, too late", slow->fencing_token());
    fmt::print("'{}', and the old holder was {}\n", documents.text(1), late ? "let in" : "refused");
    return first && second && again && !late && documents.text(1) == "by the new one, again" ? 0
                                                                                             : 1;
}

int main() {
    try {
        return run();
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 2;
    }
}
