// One request inside a lock's file: the state is read, stale entries are removed, the
// request does what LockVerbs say, the new state is written; and then the waiters that it concerns
// are notified.
//
// Thread-safety: one thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>

#include "file/lock_directory.hpp"
#include "file/lock_file.hpp"
#include "file/member.hpp"
#include "file/notifications.hpp"
#include "file/record.hpp"

namespace leaselock::file {

// Where requests find their files, and which member asks. No member: it takes and keeps nothing.
struct Home {
    std::shared_ptr<LockDirectory> directory{};
    std::shared_ptr<const Member> self{};
};

class Visit {
  public:
    // The file is entered. A request without a key is for whatever key the file is of.
    Visit(const Home& home, LockFile& file, Notifications& notifications, Operation& operation)
        : home_{home},
          file_{file},
          notifications_{notifications},
          operation_{operation},
          census_{*home.directory, home.self == nullptr ? 0 : home.self->id()} {}

    // Throws FileError and bad_alloc; then nothing was done, but for Family::unknown.
    void run();
    // After the file was left.
    void notify() noexcept;

    [[nodiscard]] const std::string& key() const noexcept { return record_.key; }

  private:
    using QueueEntry = detail::EntryQueue::Entry;

    [[nodiscard]] const Request& request() const noexcept { return operation_.request; }
    [[nodiscard]] detail::LockEntry& entry() noexcept { return record_.entry; }
    void load();
    [[nodiscard]] bool is_held_by_anybody();
    void work();
    void find_dead();
    void run_verb();
    void tell_who_comes_after_us();
    void wait_for_those_before_us();
    void store();
    void write_to(MemberId member, std::string_view token, const HandOff& what) noexcept;

    const Home& home_;
    LockFile& file_;
    Notifications& notifications_;
    Operation& operation_;
    Census census_;
    std::string before_{};
    Record record_{};
    std::vector<std::pair<MemberId, std::string>> messages_{};
};

}  // namespace leaselock::file
