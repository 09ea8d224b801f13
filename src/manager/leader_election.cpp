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

std::optional<Leadership> leadership_of(std::optional<ScopedDistributedLock> lock) {
    std::optional<Leadership> lead;
    if (lock) lead.emplace(std::move(*lock));
    return lead;
}

}  // namespace

Leadership& Leadership::operator=(Leadership&& other) noexcept {
    if (this != &other) {
        end();
        lock_ = std::move(other.lock_);
        ended_ = std::move(other.ended_);
    }
    return *this;
}

Leadership::~Leadership() { end(); }

void Leadership::end() noexcept {
    if (ended_ != nullptr) ended_->fire();
}

std::stop_token Leadership::ended() {
    if (ended_ == nullptr) {
        auto signal = std::make_unique<detail::LossSignal>();
        signal->watch(lock_.lost());
        ended_ = std::move(signal);
    }
    return ended_->token();
}

ReleaseResult Leadership::resign() noexcept {
    end();
    return lock_.release();
}

ReleaseResult Leadership::resign(std::error_code& ec) noexcept {
    end();
    return lock_.release(ec);
}

LeaderElection::LeaderElection(LockManager& manager, std::string_view name,
                               const LockOptions& options)
    : manager_{manager}, name_{name}, options_{checked(options)} {}

std::optional<Leadership> LeaderElection::campaign(const std::stop_token& stop) {
    return leadership_of(manager_.acquire(name_, options_.waiting(), stop));
}

std::optional<Leadership> LeaderElection::campaign(const std::stop_token& stop,
                                                   std::error_code& ec) {
    return leadership_of(manager_.acquire(name_, options_.waiting(), stop, ec));
}

std::optional<Leader> LeaderElection::leader() {
    return leader_of(manager_.inspect(name_, options_.value().backend));
}

std::optional<Leader> LeaderElection::leader(std::error_code& ec) {
    return leader_of(manager_.inspect(name_, options_.value().backend, ec));
}

}  // namespace leaselock
