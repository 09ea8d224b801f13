// A real cluster for the conformance suite. All cases share it, so each has keys of its own. Leases
// are as long as the cluster's sessions, and end by the time of the members.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>

#include <leaselock/hazelcast.hpp>
#include <leaselock/testing/backend_fixture.hpp>

#include "hazelcast/claimant.hpp"
#include "hazelcast/options.hpp"
#include "support/hazelcast_cluster.hpp"
#include "support/poll_until.hpp"

namespace leaselock::testing {

// The tokens of a case, by the number of the thread that each is to the cluster.
class TokenBook {
  public:
    void add(std::string_view token) {
        const std::lock_guard lock{mutex_};
        tokens_[hazelcast::thread_of(token)] = token;
    }
    [[nodiscard]] std::string name(std::uint64_t thread) const {
        const std::lock_guard lock{mutex_};
        const auto found = tokens_.find(thread);
        return found == tokens_.end() ? "not known" : found->second;
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::uint64_t, std::string> tokens_;
};

// A backend that writes down which tokens acquire.
class BookedBackend final : public Backend {
  public:
    BookedBackend(std::shared_ptr<Backend> inner, std::shared_ptr<TokenBook> book)
        : inner_{std::move(inner)}, book_{std::move(book)} {}

    using Backend::submit;
    [[nodiscard]] Guarantees guarantees() const noexcept override { return inner_->guarantees(); }
    void submit(std::span<Operation* const> operations) noexcept override {
        for (const Operation* each : operations) {
            if (each->request.verb == Verb::acquire) book_->add(each->request.token);
        }
        inner_->submit(operations);
    }
    void cancel(Operation& operation) noexcept override { inner_->cancel(operation); }
    void forget(Listener& listener) noexcept override { inner_->forget(listener); }

  private:
    const std::shared_ptr<Backend> inner_;
    const std::shared_ptr<TokenBook> book_;
};

class HazelcastFixture final : public BackendFixture {
  public:
    [[nodiscard]] std::shared_ptr<Backend> make() override {
        static std::atomic<std::size_t> made{0};
        return std::make_shared<BookedBackend>(
            make_hazelcast_backend({.url = cluster_.url(made++)}), book_);
    }
    // It knows sessions and threads, and its leases are those of sessions.
    [[nodiscard]] bool keeps_tokens() const override { return false; }
    [[nodiscard]] std::shared_ptr<Clock> clock() override { return boot_clock(); }
    // A lease that is over ends by a release, which has a way to go.
    void settle(std::chrono::milliseconds d) override {
        const auto way = std::chrono::milliseconds{d < term() ? 0 : 250};
        const auto until = boot_clock()->now() + d + way;
        const bool is_over = support::poll_until([&] { return boot_clock()->now() >= until; },
                                                 10 * d + std::chrono::seconds{10});
        if (!is_over) throw std::runtime_error("the time stands still");
    }
    // The cluster knows a session and a thread; the thread is a part of the token.
    [[nodiscard]] std::optional<std::string> raw_holder(const std::string& key) override {
        const hazelcast::Ownership owner = client_.owner(hazelcast::lock_name(key));
        if (owner.count == 0) return std::nullopt;
        return book_->name(owner.thread);
    }
    [[nodiscard]] std::chrono::milliseconds term() const override {
        return support::HazelcastCluster::session_ttl;
    }
    [[nodiscard]] std::string prefix() const override { return prefix_; }

  private:
    static std::string new_prefix() {
        static std::atomic<int> cases{0};
        return "conformance:" + std::to_string(::getpid()) + ':' + std::to_string(cases++) + ':' +
               std::to_string(boot_clock()->now().time_since_epoch().count()) + ':';
    }

    const support::HazelcastCluster cluster_ = support::HazelcastCluster::of_tests();
    support::HazelcastClient client_{cluster_};
    const std::string prefix_ = new_prefix();
    const std::shared_ptr<TokenBook> book_ = std::make_shared<TokenBook>();
};

}  // namespace leaselock::testing
