// Whether the server that a backend is connected to is still the master: a Sentinel is asked twice
// a second, and at once when one says that it has replaced one. A master that is cut off from the
// Sentinels, and not from us, would go on granting locks; and so would one that is cut off from the
// others together with one of the Sentinels, if that were the only one to be asked: each is, in
// turn. One thread, which sleeps but for that.
//
// Thread-safety: begin() for one thread at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include <leaselock/clock.hpp>
#include <leaselock/detail/word.hpp>

#include "redis/sentinel_client.hpp"
#include "wire/connection.hpp"

namespace leaselock::redis {

class SentinelWatch {
  public:
    // `hear` is called on a thread of its own with what a Sentinel says. The settings outlive it.
    SentinelWatch(const SentinelSettings& settings, const std::shared_ptr<Clock>& clock,
                  std::function<void(const NamedMaster&)> hear);
    SentinelWatch(const SentinelWatch&) = delete;
    SentinelWatch& operator=(const SentinelWatch&) = delete;
    // Blocks for a look-up that is under way.
    ~SentinelWatch();

    // From now on, if not before. If the system has no thread to give, the next call tries again.
    void begin() noexcept;

  private:
    struct Asked {
        explicit Asked(const std::shared_ptr<Clock>& clock) noexcept : connection{clock} {}

        wire::Connection connection;
        Clock::time_point next{};  // not before, since it has failed; unless all have
    };

    void run() noexcept;
    void ask_one() noexcept;
    [[nodiscard]] bool ask(std::size_t number) noexcept;
    [[nodiscard]] bool listen() noexcept;
    [[nodiscard]] bool hear_until(Clock::time_point until) noexcept;
    void leave() noexcept;

    const SentinelSettings& settings_;
    const std::function<void(const NamedMaster&)> hear_;
    const std::shared_ptr<Clock> clock_;
    std::thread thread_;
    std::atomic<bool> ending_{false};
    detail::Word over_;         // the thread has ended
    detail::Word ending_word_;  // it sleeps on this where no Sentinel answers
    // The thread's; the destructor interrupts them.
    std::deque<Asked> asked_;  // as the settings have them
    std::size_t turn_ = 0;     // whose it is to be asked
    wire::Connection heard_;
    std::size_t speaker_ = 0;  // to which that leads
};

}  // namespace leaselock::redis
