#include <leaselock/hazelcast.hpp>

#include "base/error_code_face.hpp"
#include "hazelcast/member_channel.hpp"
#include "hazelcast/options.hpp"

namespace leaselock {
namespace {

class HazelcastBackend final : public Backend {
  public:
    HazelcastBackend(const hazelcast::Settings& settings, std::shared_ptr<Clock> clock)
        : channel_{settings, std::move(clock)} {}

    using Backend::submit;

    // Fences are places in a log that a majority keeps in memory: a restart of all members begins
    // it again. How long a session lives only the cluster knows, so no ttl is promised.
    [[nodiscard]] Guarantees guarantees() const noexcept override {
        return {.exclusion = Exclusion::always,
                .fences = Fences::counter,
                .notified = true,
                .fair = true};
    }
    void submit(std::span<Operation* const> operations) noexcept override {
        if (is_copied()) return refuse_copied(operations);
        channel_->submit(operations);
    }
    bool help(Operation& operation, Clock::time_point until) noexcept override {
        return !is_in_child() && channel_->help(operation, until);
    }
    void cancel(Operation& operation) noexcept override {
        if (!is_in_child()) return channel_->cancel(operation);
        operation.fail(Errc::forked, {});
    }
    void forget(Listener& listener) noexcept override {
        if (!is_in_child()) channel_->forget(listener);
    }
    [[nodiscard]] std::uint64_t reconnects() const noexcept override {
        return is_in_child() ? 0 : channel_->reconnects();
    }

  private:
    mutable detail::AtHome<hazelcast::MemberChannel> channel_;
};

}  // namespace

std::shared_ptr<Backend> make_hazelcast_backend(const HazelcastOptions& options) {
    return std::make_shared<HazelcastBackend>(hazelcast::settings_of(options), options.clock);
}

std::shared_ptr<Backend> detail::hazelcast_backend_of(std::string_view url,
                                                      const std::shared_ptr<Clock>& clock) {
    return make_hazelcast_backend({.url = std::string{url}, .clock = clock});
}

std::shared_ptr<Backend> make_hazelcast_backend(const HazelcastOptions& options,
                                                std::error_code& ec) {
    return base::caught(ec, [&] { return make_hazelcast_backend(options); });
}

}  // namespace leaselock
