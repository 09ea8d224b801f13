// The fencing token: a holder that was stopped for longer than its lease believes in a lock that
// somebody else has. Only the resource can keep its late write out, by the token.
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <string>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

// What the lock protects.
class Document {
  public:
    void write(const std::string& text, std::uint64_t fencing_token) {
        fence_.run(fencing_token, [&] { text_ = text; });
    }
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    leaselock::FenceGuard fence_;
    std::string text_;
};

int run() {
    leaselock::LockManager locks;
    Document document;

    // Nobody renews it, as if its process were stopped, so the lease of 100 ms is over while its
    // holder does something else.
    const auto slow =
        locks.acquire("document:1", {.ttl = 100ms, .renewal = leaselock::Renewal::off});
    const auto next = locks.acquire("document:1", {.wait_timeout = 10s});
    if (!slow || !next) return 1;

    document.write("by the new holder", next->fencing_token());
    try {
        document.write("by the old one, too late", slow->fencing_token());
        fmt::print("an old holder wrote\n");
        return 1;
    } catch (const leaselock::LockLost& lost) {
        fmt::print("'{}'; the old holder: {}\n", document.text(), lost.what());
        return 0;
    }
}

int main() {
    try {
        return run();
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 2;
    }
}
