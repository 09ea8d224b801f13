#include "support/history.hpp"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iomanip>
#include <map>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

namespace leaselock::support {
namespace {

// An event begins with the end of a line and ends with this, so that one that was cut off when its
// process was killed differs from the others, and does not hurt the next.
constexpr std::string_view end_of_event = " .";

std::int64_t count(Clock::time_point time) { return time.time_since_epoch().count(); }

Clock::time_point time_in(std::istream& line) {
    Clock::rep ns = 0;
    line >> ns;
    return Clock::time_point{Clock::duration{ns}};
}

// Takes events in the order in which they were written.
class Reader {
  public:
    void take(const std::string& text) {
        std::istringstream line{text};
        std::string kind;
        std::string holder;
        line >> kind >> holder;
        if (kind == "granted") {
            take_grant(line, holder);
        } else if (kind == "yes" && positions_.contains(holder)) {
            Holding& holding = all_[positions_[holder]];
            const Clock::time_point asked = time_in(line);
            if (!holding.last_yes || *holding.last_yes < asked) holding.last_yes = asked;
        } else {
            line.setstate(std::ios::failbit);
        }
        if (!line) throw std::runtime_error("no event of a history: " + text);
    }
    std::vector<Holding> all() && { return std::move(all_); }

  private:
    static Claim claim_in(std::istream& line) {
        int kind = 0;
        int count = 0;
        int of = 0;
        line >> kind >> count >> of;
        if (kind == static_cast<int>(Claim::Kind::reader)) return Claim::reader();
        return kind == static_cast<int>(Claim::Kind::permits) ? Claim::permits(count, of) : Claim{};
    }
    void take_grant(std::istream& line, const std::string& holder) {
        Holding holding;
        holding.holder = holder;
        line >> std::quoted(holding.key) >> holding.fence;
        holding.asked = time_in(line);
        holding.answered = time_in(line);
        holding.claim = claim_in(line);
        positions_.emplace(holder, all_.size());
        all_.push_back(std::move(holding));
    }

    std::vector<Holding> all_;
    std::map<std::string, std::size_t> positions_;
};

}  // namespace

History::History(const std::string& path)
    : path_{path}, fd_{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)} {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), path);
}

History::~History() { ::close(fd_); }

std::string History::granted(std::string_view key, std::uint64_t fence, Clock::time_point asked,
                             Clock::time_point answered, Claim claim) {
    static std::atomic<std::uint64_t> grants{0};
    std::string holder = fmt::format("{}:{}", ::getpid(), ++grants);
    std::ostringstream quoted;
    quoted << std::quoted(key);
    append(fmt::format("granted {} {} {} {} {} {} {} {}", holder, quoted.str(), fence, count(asked),
                       count(answered), static_cast<int>(claim.kind()), claim.count(), claim.of()));
    return holder;
}

void History::said_yes(const std::string& holder, Clock::time_point asked) {
    append(fmt::format("yes {} {}", holder, count(asked)));
}

void History::append(const std::string& event) const {
    const std::string line = fmt::format("\n{}{}", event, end_of_event);
    if (::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        throw std::system_error(errno, std::generic_category(), path_);
    }
}

std::vector<Holding> History::read() const {
    std::ifstream file{path_};
    Reader reader;
    for (std::string line; std::getline(file, line);) {
        if (line.ends_with(end_of_event)) reader.take(line);
    }
    return std::move(reader).all();
}

std::optional<RecordedLock> RecordedLock::acquire(History& history, LockManager& locks,
                                                  std::string_view key, const LockOptions& options,
                                                  std::error_code& ec) {
    const Clock::time_point asked = boot_clock()->now();
    auto lock = locks.acquire(key, options, ec);
    if (!lock) return std::nullopt;
    return RecordedLock{history, std::move(*lock), asked, options.share};
}

RecordedLock::RecordedLock(History& history, ScopedDistributedLock lock, Clock::time_point asked,
                           Claim claim)
    : history_{&history},
      lock_{std::move(lock)},
      holder_{
          history.granted(lock_.key(), lock_.fencing_token(), asked, boot_clock()->now(), claim)} {}

bool RecordedLock::owns_lock() {
    const Clock::time_point asked = boot_clock()->now();
    if (!lock_.owns_lock()) return false;
    history_->said_yes(holder_, asked);
    return true;
}

void RecordedLock::ensure(std::error_code& ec) {
    const Clock::time_point asked = boot_clock()->now();
    lock_.ensure(ec);
    if (!ec) history_->said_yes(holder_, asked);
}

}  // namespace leaselock::support
