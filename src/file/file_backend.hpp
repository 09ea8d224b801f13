// Locks as files; see leaselock/file.hpp. A request opens its key's file, waits its turn to be
// alone in it, does what visit.hpp says, and leaves it.
//
// Thread-safety: that of a Backend.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/file.hpp>

#include "file/background.hpp"
#include "file/descriptor.hpp"
#include "file/directory.hpp"
#include "file/kept_files.hpp"
#include "file/lock_file.hpp"
#include "file/member.hpp"
#include "file/notifications.hpp"
#include "file/visit.hpp"

namespace leaselock::file {

class FileBackend final : public Backend, private Background::Worker {
  public:
    explicit FileBackend(FileOptions options);

    using Backend::submit;
    // A reboot, which ends the locks, ends their holders, too.
    [[nodiscard]] Guarantees guarantees() const noexcept override {
        return {.exclusion = Exclusion::always,
                .fences = Fences::clock,
                .notified = true,
                .fair = true,
                .process_end = true,
                .shares = true,
                .latches = true,
                .min_hold = true,
                .list = true,
                .least_ttl = min_ttl};
    }
    void submit(std::span<Operation* const> operations) noexcept override;
    bool help(Operation& operation, Clock::time_point until) noexcept override;
    void cancel(Operation& operation) noexcept override;
    void forget(Listener& listener) noexcept override;
    void examine(std::vector<Finding>& findings) override;
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override;

  private:
    // How long somebody may be inside a file that we want to enter.
    static constexpr std::chrono::milliseconds patience{1000};

    [[nodiscard]] std::string path() const;
    [[nodiscard]] std::string explain(Errc code, std::string_view why) const;
    void fail(Operation& operation, Errc code, std::string_view why) const noexcept;
    void give_up(Operation& operation) noexcept override;
    template <class Work>
    void told_outside(const Work& work) const;
    // With `self`: as one that holds or waits.
    [[nodiscard]] Home home(bool with_self);
    // False: somebody is inside the file, and nothing was done.
    [[nodiscard]] bool run(Operation& operation) noexcept;
    // The same; but where that has lasted too long, or the deadline is over, it is an error.
    [[nodiscard]] bool run_in_time(Operation& operation) noexcept override;
    [[nodiscard]] bool run_in_file(Operation& operation);
    // The same in the file that an acquire has left open. Nothing: there is none any more.
    [[nodiscard]] std::optional<bool> run_in_kept(Operation& operation, const std::string& name);
    void run_inside(const Home& home, LockFile& file, Operation& operation);
    void leave(const Home& home, LockFile& file, const Operation& operation) noexcept;
    void keep(KeptFile kept) noexcept;
    [[nodiscard]] KeptFile take_kept(const std::string& name, std::string_view token, Home& home);
    // The same as run_in_file(), also if files are open that need not be.
    [[nodiscard]] bool run_without_kept(Operation& operation);
    [[nodiscard]] bool close_kept() noexcept;
    // The same, also for one that holds in a process that has no descriptor left.
    [[nodiscard]] bool run_with_spares(Operation& operation);
    void fill_spares() noexcept LEASELOCK_REQUIRES(spares_mutex_);
    // The key of a file, if somebody holds it; removed if nobody does or waits.
    [[nodiscard]] std::optional<std::string> sweep(const Home& home, const std::string& name);
    // What is left by others, when we have come in new.
    void sweep_some(const Home& home);

    // Open for nothing, so that two files can be opened when they are closed.
    class Spares {
      public:
        void close() noexcept;
        void open(const Directory& directory) noexcept;

      private:
        std::array<Descriptor, 2> all_;
    };

    const FileOptions options_;
    const std::shared_ptr<Clock> real_ = boot_clock();
    detail::Mutex mutex_;
    // Its member is removed by nobody but the process that made it.
    detail::AtHome<Home> home_ LEASELOCK_GUARDED_BY(mutex_);
    detail::AtHome<KeptFiles> kept_ LEASELOCK_GUARDED_BY(mutex_);
    detail::Mutex spares_mutex_;
    std::atomic<bool> has_spares_{false};
    Spares spares_ LEASELOCK_GUARDED_BY(spares_mutex_);
    detail::AtHome<Notifications> notifications_;  // its thread reads the member
    detail::AtHome<Background> background_{static_cast<Background::Worker&>(*this)};
};

}  // namespace leaselock::file
