#include <leaselock/leader_election.hpp>

namespace leaselock {
namespace {

// All of a lock is what a leader has.
const LockOptions& checked(const LockOptions& options) {
    if (options.share == exclusive) return options;
    throw LockError(Errc::invalid_option, "share of a leadership, allowed is exclusive");
}

std::optional<Leader> leader_of(LockInfo info) {
    if (!info.held || info.kept) return std::nullopt;
    return Leader{std::move(info.owner), info.fencing_token, info.remaining};
}

}  // namespace

// The former leadership ends when this object has the new one: its callbacks may destroy this.
Leadership& Leadership::operator=(Leadership&& other) noexcept {
    if (this != &other) {
        const Leadership former{std::move(*this)};
        lock_ = std::move(other.lock_);
        ended_ = std::move(other.ended_);
        origin_ = other.origin_;
    }
    return *this;
}

Leadership::~Leadership() { end(); }

// A callback may destroy this object, and the source with it. In a child the callbacks are the
// parent's, and do not run.
void Leadership::end() noexcept {
    if (origin_.is_in_child()) return;
    std::stop_source kept = ended_;
    kept.request_stop();
}

std::stop_token Leadership::ended() {
    if (!ended_.stop_possible() || origin_.is_in_child()) {
        std::stop_source signal;
        lock_.pass_loss_on(signal);
        ended_ = std::move(signal);
    }
    return ended_.get_token();
}

ReleaseResult Leadership::resign() noexcept {
    std::error_code ignored;
    return resign(ignored);
}

// A callback may destroy this object, and its guard releases then.
ReleaseResult Leadership::resign(std::error_code& ec) noexcept {
    ScopedDistributedLock lock = lock_.same();
    end();
    return lock.release(ec);
}

LeaderElection::LeaderElection(LockManager& manager, std::string_view name,
                               const LockOptions& options)
    : manager_{manager}, name_{name}, options_{checked(options)} {}

Acquired<Leadership> LeaderElection::campaign(const std::stop_token& stop) {
    return lead_with(manager_.acquire(name_, options_.waiting(), stop));
}

Acquired<Leadership> LeaderElection::campaign(const std::stop_token& stop, std::error_code& ec) {
    return lead_with(manager_.acquire(name_, options_.waiting(), stop, ec));
}

std::optional<Leader> LeaderElection::leader() {
    return leader_of(manager_.inspect(name_, options_.value().backend));
}

std::optional<Leader> LeaderElection::leader(std::error_code& ec) {
    return leader_of(manager_.inspect(name_, options_.value().backend, ec));
}

}  // namespace leaselock
