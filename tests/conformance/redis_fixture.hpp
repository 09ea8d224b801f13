// A real redis-server for the conformance suite. Its time is its own, so leases that are waited out
// are short, and settle() asks the server what time it is.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/redis.hpp>
#include <leaselock/testing/backend_fixture.hpp>

#include "support/poll_until.hpp"
#include "support/redis_server.hpp"

namespace leaselock::testing {

class RedisFixture : public LinkFixture {
  public:
    // With further arguments for the server.
    explicit RedisFixture(std::vector<std::string> arguments = {})
        : server_{std::move(arguments)} {}

    [[nodiscard]] std::shared_ptr<Backend> make() override {
        RedisOptions options = login();
        options.connect_timeout = options.command_timeout = patience();
        return make_redis_backend(options);
    }
    [[nodiscard]] std::shared_ptr<Clock> clock() override { return boot_clock(); }

    // While the channel is broken the server cannot be asked; the clock alone counts then.
    void settle(std::chrono::milliseconds d) override {
        const auto until = boot_clock()->now() + d;
        const auto server_until = is_broken_ ? std::chrono::microseconds{0} : server_time() + d;
        const bool is_over = support::poll_until(
            [&] {
                return boot_clock()->now() >= until &&
                       (is_broken_ || server_time() >= server_until);
            },
            10 * d + std::chrono::seconds{10});
        if (!is_over) throw std::runtime_error("the server's time stands still");
    }
    [[nodiscard]] std::optional<std::string> raw_holder(const std::string& key) override {
        if (server_.cli("EXISTS", key) == "0") return std::nullopt;
        return server_.cli("GET", key);
    }
    [[nodiscard]] std::chrono::milliseconds term() const override {
        return std::chrono::milliseconds{500};
    }
    [[nodiscard]] std::chrono::milliseconds patience() const override { return patience_; }
    // For the cases whose link breaks: what is not answered is waited for.
    void be_hasty() { patience_ = std::chrono::seconds{2}; }

    void lose_data() override { server_.cli("FLUSHALL"); }

    void break_link() final {
        is_broken_ = true;
        cut();
    }
    void heal_link() final {
        mend();
        is_broken_ = false;
    }

  protected:
    // Where the server is and who we are there.
    [[nodiscard]] virtual RedisOptions login() = 0;
    virtual void cut() { server_.pause(); }
    virtual void mend() { server_.resume(); }

    [[nodiscard]] support::RedisServer& server() noexcept { return server_; }

  private:
    [[nodiscard]] std::chrono::microseconds server_time() {
        const std::string answer = server_.cli("TIME");  // two lines: seconds, microseconds
        const std::size_t end = answer.find('\n');
        return std::chrono::seconds{std::stoll(answer.substr(0, end))} +
               std::chrono::microseconds{std::stoll(answer.substr(end + 1))};
    }

    support::RedisServer server_;
    bool is_broken_ = false;
    std::chrono::milliseconds patience_ = std::chrono::seconds{20};
};

// For the cases whose link breaks.
template <class Fixture>
[[nodiscard]] std::unique_ptr<Fixture> hasty() {
    auto fixture = std::make_unique<Fixture>();
    fixture->be_hasty();
    return fixture;
}

}  // namespace leaselock::testing
