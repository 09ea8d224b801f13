// Two stores of your own, in a map, for threads of one process: one whose client blocks, which is
// four functions, and one with a queue, which hands locks over. The suite of the component
// `testing` holds both to the contract of <leaselock/backend.hpp>.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/blocking_backend.hpp>
#include <leaselock/glob.hpp>
#include <leaselock/testing/conformance.hpp>
#include <leaselock/testing/manual_clock.hpp>

namespace {

using leaselock::Clock;
using leaselock::Outcome;
using leaselock::Reply;
using leaselock::Request;

// One key, as a table would have it. It stays when its lock is free, since fencing tokens rise.
struct Row {
    std::string token{};
    Clock::time_point end = Clock::time_point::min();
    std::uint64_t fence = 0;

    bool is_held(Clock::time_point now) const { return end > now; }
    bool is_of(std::string_view who, Clock::time_point now) const {
        return is_held(now) && token == who;
    }
    Reply grant(std::string_view who, std::chrono::milliseconds ttl, Clock::time_point now) {
        if (!is_of(who, now)) *this = {std::string{who}, now, fence + 1};
        end = std::max(end, now + ttl);  // a retry does not shorten its lease
        return {.outcome = Outcome::granted, .fencing_token = fence};
    }
    Reply renew(const Request& what, Clock::time_point now) {
        if (!is_of(what.token, now)) return {.outcome = Outcome::lost};
        end = std::max(end, now + what.ttl);
        return {.outcome = Outcome::renewed};
    }
    Reply release(const Request& what, Clock::time_point now) {
        if (!is_of(what.token, now)) return {.outcome = Outcome::lost};
        end = now;
        return {.outcome = Outcome::released};
    }
    Reply inspect(Clock::time_point now) const {
        if (!is_held(now)) return {.outcome = Outcome::free, .fencing_token = fence};
        return {.outcome = Outcome::held,
                .fencing_token = fence,
                .remaining = std::chrono::ceil<std::chrono::milliseconds>(end - now),
                .holder = token};
    }
};

// What arrives late does nothing.
bool is_late(const Request& what, Clock::time_point now) { return now > what.deadline; }

class BlockingTable final : public leaselock::BlockingStore {
  public:
    explicit BlockingTable(std::shared_ptr<Clock> clock) : clock_{std::move(clock)} {}

    Reply acquire(const Request& what) override {
        return at(what, [&](Row& row, Clock::time_point now) {
            if (is_late(what, now)) throw leaselock::LockError(leaselock::Errc::stale, "late");
            const bool held = row.is_held(now) && !row.is_of(what.token, now);
            return held ? row.inspect(now) : row.grant(what.token, what.ttl, now);
        });
    }
    Reply renew(const Request& what) override {
        return at(what, [&](Row& row, auto now) { return row.renew(what, now); });
    }
    Reply release(const Request& what) override {
        return at(what, [&](Row& row, auto now) { return row.release(what, now); });
    }
    Reply inspect(const Request& what) override {
        return at(what, [&](Row& row, auto now) { return row.inspect(now); });
    }

  private:
    // A transaction.
    template <class Step>
    Reply at(const Request& what, Step step) {
        const std::lock_guard lock{mutex_};
        return step(rows_[std::string{what.key}], clock_->now());
    }

    const std::shared_ptr<Clock> clock_;
    std::mutex mutex_;
    std::map<std::string, Row> rows_;
};

class QueueBackend final : public leaselock::Backend {
  public:
    explicit QueueBackend(std::shared_ptr<Clock> clock) : clock_{std::move(clock)} {}

    using Backend::submit;

    leaselock::Guarantees guarantees() const noexcept override {
        return {.notified = true, .fair = true, .list = true};
    }
    void submit(std::span<leaselock::Operation* const> operations) noexcept override {
        if (is_copied()) return refuse_copied(operations);
        for (leaselock::Operation* const each : operations) {
            leaselock::WakeUp winner;  // goes on when nothing is locked
            {
                const std::lock_guard lock{mutex_};
                each->reply = answer(each->request, winner);
            }
            each->complete();
        }
    }
    void forget(leaselock::Listener& listener) noexcept override {
        const std::lock_guard lock{mutex_};
        for (auto& [key, row] : rows_) {
            for (Entry& entry : row.entries) {
                if (entry.listener == &listener) entry.listener = nullptr;
            }
        }
    }
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        const std::lock_guard lock{mutex_};
        std::vector<std::string> keys;
        for (const auto& [key, row] : rows_) {
            if (leaselock::is_listed(key, prefix, pattern)) keys.push_back(key);
        }
        return keys;
    }

  private:
    struct Entry {
        std::string token;
        Clock::time_point end{};
        std::chrono::milliseconds ttl{0};
        leaselock::Listener* listener = nullptr;
    };
    struct QueueRow : Row {
        std::deque<Entry> entries;
    };

    Reply answer(const Request& what, leaselock::WakeUp& winner) {
        const auto now = clock_->now();
        if (!what.claim.is_exclusive() || what.keep.count() + what.min_hold.count() > 0) {
            return {.error = leaselock::Errc::not_supported};
        }
        QueueRow& row = rows_[std::string{what.key}];
        std::erase_if(row.entries, [&](const Entry& each) { return each.end <= now; });
        switch (what.verb) {
            case leaselock::Verb::acquire: return acquire(row, what, now);
            case leaselock::Verb::renew: return row.renew(what, now);
            case leaselock::Verb::release: return release(row, what, now, winner);
            case leaselock::Verb::inspect: break;
        }
        Reply reply = row.inspect(now);
        reply.waiting = static_cast<int>(row.entries.size());
        return reply;
    }
    static Reply acquire(QueueRow& row, const Request& what, Clock::time_point now) {
        if (is_late(what, now)) return {.error = leaselock::Errc::stale};
        const bool turn = row.entries.empty() || row.entries.front().token == what.token;
        if (!row.is_of(what.token, now) && (row.is_held(now) || !turn)) return wait(row, what, now);
        leave(row, what.token);
        return row.grant(what.token, what.ttl, now);
    }
    static Reply wait(QueueRow& row, const Request& what, Clock::time_point now) {
        Reply reply = row.inspect(now);
        reply.outcome = Outcome::held;
        if (what.listener == nullptr) return reply;
        auto& entries = row.entries;
        auto entry = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& each) { return each.token == what.token; });
        if (entry == entries.end()) entry = entries.insert(entry, {std::string{what.token}});
        *entry = {std::move(entry->token), now + what.entry_life, what.ttl, what.listener};
        reply.queued = reply.told = true;
        reply.first = entry == entries.begin();
        return reply;
    }
    static Reply release(QueueRow& row, const Request& what, Clock::time_point now,
                         leaselock::WakeUp& winner) {
        leave(row, what.token);
        const Reply reply = row.release(what, now);
        if (row.is_held(now) || row.entries.empty()) return reply;
        if (reply.outcome != Outcome::released) return reply;
        const Entry next = std::move(row.entries.front());
        row.entries.pop_front();
        row.grant(next.token, next.ttl, now);
        // One that was forgotten gets it, too: its manager owes a release.
        if (next.listener != nullptr) winner = next.listener->handed_over({row.fence, next.ttl});
        return reply;
    }
    static void leave(QueueRow& row, std::string_view token) {
        std::erase_if(row.entries, [&](const Entry& each) { return each.token == token; });
    }

    const std::shared_ptr<Clock> clock_;
    std::mutex mutex_;
    std::map<std::string, QueueRow> rows_;
};

// The store is in this process: its time is a clock that the suite moves, and all share one object.
class Fixture final : public leaselock::testing::BackendFixture {
  public:
    template <class Make>
    explicit Fixture(const Make& make_backend) : backend_{make_backend(clock_)} {}

    std::shared_ptr<leaselock::Backend> make() override { return backend_; }
    std::shared_ptr<Clock> clock() override { return clock_; }
    void settle(std::chrono::milliseconds d) override { clock_->advance(d); }
    std::chrono::milliseconds term() const override { return std::chrono::seconds{1}; }

  private:
    const std::shared_ptr<leaselock::testing::ManualClock> clock_ =
        std::make_shared<leaselock::testing::ManualClock>();
    const std::shared_ptr<leaselock::Backend> backend_;
};

std::unique_ptr<Fixture> blocking() {
    return std::make_unique<Fixture>([](const std::shared_ptr<Clock>& clock) {
        return std::make_shared<leaselock::BlockingBackend>(std::make_unique<BlockingTable>(clock));
    });
}
std::unique_ptr<Fixture> queueing() {
    return std::make_unique<Fixture>(
        [](const std::shared_ptr<Clock>& clock) { return std::make_shared<QueueBackend>(clock); });
}

LEASELOCK_CONFORMANCE_SUITE(Blocking, blocking);
LEASELOCK_ASYNC_CONFORMANCE_SUITE(BlockingAsync, blocking);
LEASELOCK_CONFORMANCE_SUITE(Queue, queueing);
LEASELOCK_ASYNC_CONFORMANCE_SUITE(QueueAsync, queueing);

}  // namespace

int main(int count, char** arguments) {
    ::testing::InitGoogleTest(&count, arguments);
    return RUN_ALL_TESTS();
}
