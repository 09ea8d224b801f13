#include "redis/sentinels.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <numeric>

#include "redis/codec.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

// So long a Sentinel may take to hear of a new master from the others, and more.
constexpr std::chrono::seconds lag{10};

std::string show(const NamedMaster& master) {
    return fmt::format("{}:{} of epoch {}", quote(master.where.host), master.where.port,
                       master.epoch);
}

}  // namespace

// What came of asking them one after the other.
struct Sentinels::Poll {
    std::optional<NamedMaster> best{};
    std::size_t answered = 0;
    std::vector<std::string> ids{};  // of those that have answered, as far as they say theirs
    std::size_t doubled = 0;         // other names of these
    std::string dissent{};           // what another one said of the same epoch
    std::error_code worst{};         // of those that named none
    std::string why{};

    // `id`: of the Sentinel. By a second name it counts no second time, or it would be most of them
    // alone; but what it says by then may be newer.
    void add(const NamedMaster& master, const std::string& id) {
        if (!id.empty() && std::find(ids.begin(), ids.end(), id) != ids.end()) {
            ++doubled;
        } else {
            ids.push_back(id);
            ++answered;
        }
        if (best && best->epoch == master.epoch && best->where != master.where) {
            dissent = show(*best) + " and " + show(master);
        } else if (!best || master.epoch > best->epoch) {
            best = master;
            dissent.clear();
        }
    }
    [[nodiscard]] bool has_most_of(std::size_t names) const noexcept {
        return answered * 2 > names - doubled;
    }
    // What people have to mend goes before what may pass.
    void add(std::error_code error, const std::string& reason) {
        if (!worst || worst == Errc::connect_failed) worst = error;
        why += (why.empty() ? "" : "; ") + reason;
    }
};

Sentinels::Sentinels(SentinelSettings settings, std::shared_ptr<Clock> clock)
    : settings_{std::move(settings)}, clock_{std::move(clock)}, order_(settings_.sentinels.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
}

Sentinels::~Sentinels() { unwatch(); }

std::error_code Sentinels::locate(wire::Connection& connection, wire::Endpoint& where,
                                  Clock::time_point until, std::string& why) {
    const Poll poll = ask_most(connection, until);
    if (const std::error_code error = judge(poll, why)) return error;
    where = endpoint_of(settings_, poll.best->where);
    return {};
}

// Until more than half have answered, and one of them knows what is known here already: else the
// master that it named just now could not be found for as long as most of them lag behind. Each
// that is still to be asked has its share of the time, and so has the server.
Sentinels::Poll Sentinels::ask_most(wire::Connection& connection, Clock::time_point until) {
    std::vector<std::size_t> order;
    std::int64_t known = 0;
    {
        const detail::MutexLock lock{mutex_};
        order = order_;
        if (newest_) known = newest_->epoch;
    }
    Poll poll;
    const auto is_enough = [&] {
        return poll.has_most_of(order.size()) && poll.best->epoch >= known;
    };
    std::vector<std::size_t> failed;
    for (std::size_t i = 0; i < order.size() && !is_enough(); ++i) {
        const Clock::time_point now = clock_->now();
        if (now >= until) break;
        const auto shares = static_cast<Clock::rep>(order.size() - i + 1);
        NamedMaster master;
        std::string why;
        const Clock::time_point end = now + (until - now) / shares;
        connection.close();
        const auto error = ask_sentinel(connection, settings_, order[i], end, master, why);
        if (!error) {
            poll.add(master, id_of_sentinel(connection, end));
        } else {
            poll.add(error, why);
            failed.push_back(order[i]);
        }
    }
    const detail::MutexLock lock{mutex_};
    for (const std::size_t each : failed) {
        const auto at = std::find(order_.begin(), order_.end(), each);
        std::rotate(at, at + 1, order_.end());
    }
    return poll;
}

std::error_code Sentinels::judge(const Poll& poll, std::string& why) {
    if (!poll.best) {
        why = fmt::format("no Sentinel names the master '{}': {}", settings_.master,
                          poll.why.empty() ? "no time is left to ask" : poll.why);
        return poll.worst ? poll.worst : make_error_code(Errc::connect_failed);
    }
    if (!poll.dissent.empty()) {
        why = fmt::format("the Sentinels disagree where the master '{}' is: {}", settings_.master,
                          poll.dissent);
        return Errc::sentinels_disagree;
    }
    const detail::MutexLock lock{mutex_};
    if (is_too_old(poll)) {
        why = fmt::format("only Sentinels that lag behind answer: {}, after {}", show(*poll.best),
                          show(*newest_));
        return Errc::connect_failed;
    }
    believe(*poll.best);
    return {};
}

bool Sentinels::is_too_old(const Poll& poll) const {
    if (!newest_ || poll.best->epoch >= newest_->epoch) return false;
    return !poll.has_most_of(order_.size()) || clock_->now() - said_ < lag;
}

void Sentinels::believe(const NamedMaster& master) {
    const bool is_other = newest_ && newest_->where != master.where;
    newest_ = master;
    said_ = clock_->now();
    if (is_other && moved_ != nullptr) moved_();
}

void Sentinels::hear(const NamedMaster& master) {
    const detail::MutexLock lock{mutex_};
    if (!newest_ || master.epoch > newest_->epoch || master == *newest_) believe(master);
}

void Sentinels::watch(const std::function<void()>& moved) {
    const detail::MutexLock lock{mutex_};
    moved_ = moved;
}

void Sentinels::unwatch() {
    std::unique_ptr<SentinelWatch> watch;
    const detail::MutexLock lock{mutex_};
    moved_ = nullptr;
    watch = std::move(watch_);
    const detail::MutexUnlock unlocked{mutex_};
    watch.reset();
}

std::error_code Sentinels::confirm(wire::Connection& connection, const wire::Endpoint& where,
                                   Clock::time_point until, std::string& why) {
    std::string out;
    wire::append_command(out, std::array<std::string_view, 1>{"ROLE"});
    (void)connection.send(out, until);
    wire::RespValue answer;
    const wire::Received received = connection.receive(answer, until);
    if (received != wire::Received::reply) return unheard(connection, received, why);
    if (answer.is_error()) {
        why = quote(answer.text());
        const Errc error = classify(answer.text());
        return error == Errc::unexpected_reply ? Errc::connect_failed : error;
    }
    const std::string_view role = answer.at(0).text();
    if (role != "master") {
        why = fmt::format("{}, which the Sentinels name, is no master: its role is '{}'",
                          wire::describe(where), quote(role));
        return Errc::read_only;
    }
    const detail::MutexLock lock{mutex_};
    if (!newest_ || newest_->where != wire::HostPort{where.host, where.port}) {
        why = "the Sentinels name another master by now";
        return Errc::connect_failed;
    }
    if (moved_ != nullptr && watch_ == nullptr) {
        watch_ = std::make_unique<SentinelWatch>(
            settings_, clock_, [this](const NamedMaster& master) { hear(master); });
    }
    if (watch_ != nullptr) watch_->begin();
    return {};
}

}  // namespace leaselock::redis
