// Which server is the master, by the word of Sentinels. They are asked at each connect, until more
// than half of them have answered, and of their answers the newest is believed; the server itself
// must say that it is a master. What they said before is remembered for one purpose: for some time
// nothing that is older is believed, since a Sentinel that lags behind still names the old master.
// Then it is, if most of them say so, and none says what is newer: they were set up again.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <leaselock/clock.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "redis/locator.hpp"
#include "redis/sentinel_client.hpp"
#include "redis/sentinel_watch.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {

class Sentinels final : public Locator {
  public:
    Sentinels(SentinelSettings settings, std::shared_ptr<Clock> clock);
    Sentinels(const Sentinels&) = delete;
    Sentinels& operator=(const Sentinels&) = delete;
    ~Sentinels() override;

    // Errors: unknown_master, sentinels_disagree, not_supported (that is no Sentinel), tls_failed,
    // authentication_failed, access_denied, connect_failed.
    [[nodiscard]] std::error_code locate(wire::Connection& connection, wire::Endpoint& where,
                                         Clock::time_point until, std::string& why) override;
    // Errc::read_only: it is a replica. Errc::connect_failed: another one is the master by now.
    [[nodiscard]] std::error_code confirm(wire::Connection& connection, const wire::Endpoint& where,
                                          Clock::time_point until, std::string& why) override;

    void describe(Clock::time_point until, std::vector<StoreNode>& nodes,
                  std::vector<KnownReplica>& known, std::vector<Finding>& findings) override;

    // While they are watched, one after the other is asked, twice a second in all, from the first
    // connection on.
    void watch(const std::function<void()>& moved) override;
    // Blocks for a look-up that is under way.
    void unwatch() override;

  private:
    struct Poll;

    [[nodiscard]] Poll ask_most(wire::Connection& connection, Clock::time_point until);
    [[nodiscard]] std::error_code judge(const Poll& poll, std::string& why);
    void hear(const NamedMaster& master);
    [[nodiscard]] bool is_too_old(const Poll& poll) const LEASELOCK_REQUIRES(mutex_);
    void believe(const NamedMaster& master) LEASELOCK_REQUIRES(mutex_);

    const SentinelSettings settings_;
    const std::shared_ptr<Clock> clock_;
    detail::Mutex mutex_;
    std::vector<std::size_t> order_ LEASELOCK_GUARDED_BY(mutex_);  // those that failed come last
    std::optional<NamedMaster> newest_ LEASELOCK_GUARDED_BY(mutex_);
    Clock::time_point said_ LEASELOCK_GUARDED_BY(mutex_){};  // that it is the newest, at last
    std::function<void()> moved_ LEASELOCK_GUARDED_BY(mutex_);
    std::unique_ptr<SentinelWatch> watch_ LEASELOCK_GUARDED_BY(mutex_);
};

}  // namespace leaselock::redis
