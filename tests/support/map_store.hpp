// Locks in a map, as somebody writes them whose client blocks: four functions for BlockingBackend.
// What the test wants to happen in a call, it does in `before`: to hang, to throw, to keep a
// record.
//
// Thread-safety: as every BlockingStore.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <leaselock/blocking_backend.hpp>
#include <leaselock/clock.hpp>

namespace leaselock::support {

class MapStore final : public BlockingStore {
  public:
    using Hook = std::function<void(const Request&)>;

    explicit MapStore(std::shared_ptr<Clock> clock = boot_clock(), Hook before = nullptr)
        : clock_{std::move(clock)}, before_{std::move(before)} {}

    Reply acquire(const Request& what) override {
        const Visit visit{*this, what};
        Lock& lock = visit.lock;
        if (what.deadline < visit.now) throw LockError(Errc::stale, "too late");
        const Clock::time_point end = leaselock::detail::saturating_add(visit.now, what.ttl);
        if (visit.mine()) {
            lock.end = std::max(lock.end, end);
        } else if (visit.live()) {
            return visit.holder();
        } else {
            lock = {std::string(what.token), end, lock.fence + 1};
        }
        Reply granted = of(Outcome::granted);
        granted.fencing_token = lock.fence;
        return granted;
    }
    Reply renew(const Request& what) override {
        const Visit visit{*this, what};
        if (!visit.mine()) return of(Outcome::lost);
        visit.lock.end =
            std::max(visit.lock.end, leaselock::detail::saturating_add(visit.now, what.ttl));
        return of(Outcome::renewed);
    }
    Reply release(const Request& what) override {
        const Visit visit{*this, what};
        if (!visit.mine()) return of(Outcome::lost);
        visit.lock.end = visit.now;
        return of(Outcome::released);
    }
    Reply inspect(const Request& what) override {
        const Visit visit{*this, what};
        return visit.live() ? visit.holder() : of(Outcome::free);
    }

  private:
    struct Lock {
        std::string token{};
        Clock::time_point end = Clock::time_point::min();
        std::uint64_t fence = 0;
    };
    // One call, with the map to itself.
    class Visit {
      public:
        Visit(MapStore& store, const Request& what)
            : alone_{enter(store, what)},
              token_{what.token},
              now{store.clock_->now()},
              lock{store.locks_[std::string(what.key)]} {}

        [[nodiscard]] bool live() const { return lock.end > now; }
        [[nodiscard]] bool mine() const { return live() && lock.token == token_; }
        [[nodiscard]] Reply holder() const {
            Reply held = of(Outcome::held);
            held.holder = lock.token;
            held.fencing_token = lock.fence;
            held.remaining = std::chrono::ceil<std::chrono::milliseconds>(lock.end - now);
            return held;
        }

      private:
        static std::unique_lock<std::mutex> enter(MapStore& store, const Request& what) {
            if (store.before_) store.before_(what);
            return std::unique_lock{store.mutex_};
        }

        const std::unique_lock<std::mutex> alone_;
        const std::string_view token_;

      public:
        const Clock::time_point now;
        Lock& lock;
    };

    static Reply of(Outcome outcome) {
        Reply reply;
        reply.outcome = outcome;
        return reply;
    }

    const std::shared_ptr<Clock> clock_;
    const Hook before_;
    std::mutex mutex_;  // guards the rest
    std::map<std::string, Lock> locks_;
};

}  // namespace leaselock::support
