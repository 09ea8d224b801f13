// A node of a Redis Cluster with our connections to it, and one attempt of an operation there.
//
// Thread-safety: what the cluster's mutex guards is said; the rest is for all threads at once.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <leaselock/backend.hpp>

#include "redis/node.hpp"
#include "redis/slot_table.hpp"

namespace leaselock::redis {

struct ClusterMember {
    ClusterMember(const ConnectionSettings& settings, NodeAddress where,
                  const std::shared_ptr<Clock>& clock, const std::string& channel)
        : address{std::move(where)}, name{settings.name}, node{settings, clock, channel} {}

    // What the server said, without the name that a channel puts before it.
    [[nodiscard]] std::string_view words_of(const std::string& detail) const noexcept {
        const std::size_t before = name.size() + 2;
        return detail.size() < before ? std::string_view{}
                                      : std::string_view{detail}.substr(before);
    }

    const NodeAddress address;
    const std::string name;
    Node node;
    bool has_lost_slots = false;  // since the last table; under the cluster's mutex
};

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): deletes itself
class Attempt;

// What is notified that an attempt is over: on any thread, with a channel's mutex held.
class AttemptOwner {
  public:
    virtual void completed(Attempt& attempt) noexcept = 0;

  protected:
    ~AttemptOwner() = default;
};

// Appends what a node said when it refused the attempt before: how the last one ended does not say
// why the call has taken so long.
inline void add_refusal(std::string& why, std::string_view refusal) {
    if (!why.empty() && !refusal.empty()) why += "; before that: ";
    why += refusal;
}

// Deleted by the last of those that use it: the node, until it completes the call, and a thread
// that helps or cancels.
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): deletes itself
class Attempt final : public Completion {
  public:
    Attempt(AttemptOwner& owner, Operation& whole_operation, std::shared_ptr<ClusterMember> at)
        : call{whole_operation.request},
          whole{whole_operation},
          member{std::move(at)},
          owner_{owner} {
        call.completion = this;
        call.submitter = whole.submitter;
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    void completed(Operation& /*operation*/) noexcept override { owner_.completed(*this); }

    void use() noexcept { users_.fetch_add(1, std::memory_order_relaxed); }
    void drop() noexcept {
        if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    Operation call;
    Operation& whole;
    const std::shared_ptr<ClusterMember> member;
    bool asking = false;
    int hops = 0;
    int pauses = 0;
    std::string refusal{};  // what the node said to the attempt before; empty: this is the first
    bool is_cancelled = false;  // under the cluster's mutex

  private:
    ~Attempt() = default;

    AttemptOwner& owner_;
    std::atomic<int> users_{1};
};

}  // namespace leaselock::redis
