// A real Redis Cluster for the conformance suite. All cases share it, so each has keys of its own.
// The link breaks as all of the nodes are stopped, and heals as they go on: sooner than they take
// each other for dead.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include <leaselock/redis.hpp>
#include <leaselock/testing/backend_fixture.hpp>

#include "conformance/locker_acl.hpp"
#include "support/poll_until.hpp"
#include "support/redis_cluster.hpp"

namespace leaselock::testing {

// The least-privilege user of docs/guide/redis.md, with what a cluster takes beside.
[[nodiscard]] inline std::vector<std::string> cluster_locker_acl() {
    std::vector<std::string> words = locker_acl();
    for (const char* const word :
         {"+cluster|slots", "+cluster|shards", "+cluster|myid", "+asking", "+wait"}) {
        words.emplace_back(word);
    }
    return words;
}

class ClusterFixture : public LinkFixture {
  public:
    // `replicas`: so many of a master must acknowledge what it grants; 0: none.
    explicit ClusterFixture(bool over_tls = false, int replicas = 0)
        : over_tls_{over_tls}, replicas_{replicas} {
        static const bool has_user = (cluster().on_all(cluster_locker_acl()), true);
        (void)has_user;
    }
    ClusterFixture(const ClusterFixture&) = delete;
    ClusterFixture& operator=(const ClusterFixture&) = delete;
    ~ClusterFixture() override { go_on(); }

    [[nodiscard]] std::shared_ptr<Backend> make() override {
        RedisOptions options;
        options.url = over_tls_ ? cluster().tls_url() : cluster().url();
        options.username = "locker";
        options.password = locker_password;
        options.connect_timeout = options.command_timeout = patience();
        if (replicas_ > 0) {
            options.wait_replicas = replicas_;
            options.wait_replicas_timeout = patience() / 2;
        }
        return make_redis_backend(options);
    }
    [[nodiscard]] std::shared_ptr<Clock> clock() override { return boot_clock(); }
    // The nodes are on this machine, and so is their time.
    void settle(std::chrono::milliseconds d) override {
        const auto until = boot_clock()->now() + d + std::chrono::milliseconds{2};
        const bool is_over = support::poll_until([&] { return boot_clock()->now() >= until; },
                                                 10 * d + std::chrono::seconds{10});
        if (!is_over) throw std::runtime_error("the time stands still");
    }
    [[nodiscard]] std::optional<std::string> raw_holder(const std::string& key) override {
        const std::size_t owner = cluster().owner(key);
        if (cluster().command(owner, {"EXISTS", key}) == "0") return std::nullopt;
        return cluster().command(owner, {"GET", key});
    }
    [[nodiscard]] std::chrono::milliseconds term() const override {
        return std::chrono::milliseconds{500};
    }
    [[nodiscard]] std::chrono::milliseconds patience() const override { return patience_; }
    // For the cases whose link breaks: what is not answered is waited for.
    void be_hasty() { patience_ = std::chrono::seconds{2}; }
    [[nodiscard]] std::string prefix() const override { return prefix_; }
    // Of this case alone.
    void lose_data() override {
        for (std::size_t i = 0; i < cluster().nodes().size(); ++i) {
            const bool is_master = cluster().command(i, {"ROLE"}).starts_with("master");
            if (!is_master) continue;
            cluster().command(i, {"EVAL",
                                  "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do "
                                  "redis.call('DEL', key) end",
                                  "0", '*' + prefix_ + '*'});
        }
    }
    void break_link() override {
        is_broken_ = true;
        for (std::size_t i = 0; i < cluster().nodes().size(); ++i) cluster().pause(i);
    }
    void heal_link() override { go_on(); }

  protected:
    static support::RedisCluster& cluster() { return support::RedisCluster::of_tests(); }

  private:
    void go_on() {
        if (!is_broken_) return;
        for (std::size_t i = 0; i < cluster().nodes().size(); ++i) cluster().resume(i);
        is_broken_ = false;
    }
    static std::string new_prefix() {
        static std::atomic<int> cases{0};
        return "hazel:lock:" + std::to_string(::getpid()) + ':' + std::to_string(cases++) + ':' +
               std::to_string(boot_clock()->now().time_since_epoch().count()) + ':';
    }

    const bool over_tls_;
    const int replicas_;
    const std::string prefix_ = new_prefix();
    bool is_broken_ = false;
    std::chrono::milliseconds patience_ = std::chrono::seconds{20};
};

}  // namespace leaselock::testing
