// The file backend for the conformance suite: on a clock that the tests move, in a directory of its
// own; each backend that is made has its own files open, as that of another process would.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <leaselock/file.hpp>
#include <leaselock/testing/backend_fixture.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "file/directory.hpp"
#include "file/lock_file.hpp"
#include "file/names.hpp"
#include "file/record.hpp"
#include "support/temp_dir.hpp"

namespace leaselock::testing {

class FileFixture final : public BackendFixture {
  public:
    [[nodiscard]] std::shared_ptr<Backend> make() override {
        return make_file_backend({.directory = directory_.path().string(), .clock = clock_});
    }
    [[nodiscard]] std::shared_ptr<Clock> clock() override { return clock_; }
    void settle(std::chrono::milliseconds d) override { clock_->advance(d); }
    // As it stands in the file, as soon as nobody is inside.
    [[nodiscard]] std::optional<std::string> raw_holder(const std::string& key) override {
        const file::Directory directory{directory_.path().string()};
        file::LockFile lock{directory, file::name_of(key), file::LockFile::Access::exists};
        if (!lock) return std::nullopt;
        while (!lock.enter()) std::this_thread::yield();
        const auto entry = file::decode(lock.load().bytes).entry;
        if (entry.expires <= clock_->now()) return std::nullopt;
        return entry.kept ? std::string(kept_mark) + entry.token : entry.token;
    }
    [[nodiscard]] std::chrono::milliseconds term() const override {
        return std::chrono::seconds{1};
    }
    void lose_data() override {
        for (const auto& each : std::filesystem::directory_iterator{directory_.path()}) {
            std::filesystem::remove(each.path());
        }
    }

  private:
    support::TempDir directory_;
    std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>();
};

}  // namespace leaselock::testing
