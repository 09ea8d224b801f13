// Locks as files; see leaselock/file.hpp. What requests do is LockVerbs'; this brings the state in
// from the file and back, knows whose processes live, and has one file open for each token of ours
// that holds or waits.
//
// Thread-safety: that of a Backend.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>

#include <leaselock/backend.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/file.hpp>

#include "file/directory.hpp"
#include "file/lock_file.hpp"
#include "file/record.hpp"
#include "file/watch.hpp"

namespace leaselock::file {

class FileBackend final : public Backend {
  public:
    explicit FileBackend(FileOptions options);

    using Backend::submit;
    void submit(std::span<Operation* const> operations) noexcept override;
    bool pump(Operation& operation, Clock::time_point until) noexcept override;
    void detach(Operation& operation) noexcept override;
    void forget(Listener& listener) noexcept override;
    void examine(std::vector<Finding>& findings) override;
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override;

    struct Kept {
        LockFile file{};
        bool latch = false;  // for its place alone, and not for what comes of it
    };
    // By key and token.
    using Files = std::unordered_map<std::string, Kept>;

  private:
    struct Shard {
        detail::Mutex mutex;
        Files files LEASELOCK_GUARDED_BY(mutex);
    };
    static constexpr std::size_t shard_count = 16;
    // How long somebody may be inside a file that we want to enter.
    static constexpr std::chrono::milliseconds patience{1000};

    [[nodiscard]] std::string path() const;
    [[nodiscard]] std::shared_ptr<Directory> directory();
    [[nodiscard]] std::string explain(Errc code, std::string_view why) const;
    template <class Work>
    void told_outside(const Work& work) const;
    [[nodiscard]] Shard& shard_of(std::string_view key) noexcept;
    void fail(Operation& operation, Errc code, std::string_view why) const noexcept;
    // False: somebody is inside the file, and nothing was done.
    [[nodiscard]] bool run(Operation& operation) noexcept;
    [[nodiscard]] bool run_in(Shard& shard, Operation& operation) LEASELOCK_REQUIRES(shard.mutex);
    struct After {
        bool stays;        // the token holds or waits, so the file must stay open
        bool handed_over;  // to others, who have to be told
    };
    [[nodiscard]] After answer(Directory& directory, LockFile& file, bool marked,
                               Operation& operation);

    const FileOptions options_;
    const std::shared_ptr<Clock> real_ = boot_clock();
    detail::Mutex mutex_;
    std::shared_ptr<Directory> directory_ LEASELOCK_GUARDED_BY(mutex_);
    detail::AtHome<std::array<Shard, shard_count>> shards_;
    detail::AtHome<Watch> watch_;  // the last: its thread looks at the directory
};

}  // namespace leaselock::file
