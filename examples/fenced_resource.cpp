// The fencing token: a holder that was stopped for longer than its lease believes in a lock that
// somebody else has. Only the resource can keep its late write out, by the token.
#include <fmt/format.h>
#include <memory>
#include <string>

#include <leaselock/leaselock.hpp>

using namespace std::chrono_literals;

// What the lock protects. A table would say: UPDATE ... SET fence = :fence WHERE fence < :fence
class Document {
  public:
    bool write(const std::string& text, std::uint64_t fencing_token) {
        if (fencing_token <= last_fence_) return false;
        last_fence_ = fencing_token;
        text_ = text;
        return true;
    }
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::uint64_t last_fence_ = 0;
    std::string text_;
};

int main() {
    leaselock::LockManager locks;
    Document document;

    // Nobody renews it, as if its process were stopped, so the lease of 10 ms is over while its
    // holder does something else.
    const auto slow =
        locks.acquire("document:1", {.ttl = 10ms, .renewal = leaselock::Renewal::off});
    const auto next = locks.acquire("document:1", {.wait_timeout = 10s});
    if (!slow || !next) return 1;

    const bool new_write = document.write("by the new holder", next->fencing_token());
    const bool late_write = document.write("by the old one, too late", slow->fencing_token());
    fmt::print("{} wrote, {} was {}: '{}'\n", next->fencing_token(), slow->fencing_token(),
               late_write ? "not refused" : "refused", document.text());
    return new_write && !late_write && !slow->owns_lock() ? 0 : 1;
}
