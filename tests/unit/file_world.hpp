// What tests of the file backend share: backends at one directory, with a clock that stands still
// unless the test moves it, and what they leave open or lying about.
#pragma once

#include <algorithm>
#include <filesystem>
#include <future>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/file.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/testing/detail/granted.hpp>
#include <leaselock/testing/manual_clock.hpp>

#include "file/names.hpp"
#include "support/temp_dir.hpp"

namespace leaselock {

using namespace std::chrono_literals;

class FileWorld : public ::testing::Test {
  protected:
    [[nodiscard]] std::shared_ptr<Backend> make() const {
        return make_file_backend({.directory = home_.path().string(), .clock = clock_});
    }
    [[nodiscard]] LockManager make_manager() const {
        LockManager locks{{.prefix = "", .backend = "files", .clock = clock_}};
        locks.register_backend("files", make());
        return locks;
    }
    [[nodiscard]] Request request(Verb verb, std::string_view token, Claim claim = {},
                                  std::string_view key = "key") const {
        const auto now = clock_->now();
        return {.verb = verb,
                .key = key,
                .token = token,
                .ttl = 10min,
                .claim = claim,
                .submitted = now,
                .deadline = now + 1h};
    }
    Reply run(Backend& backend, Verb verb, std::string_view token, Claim claim = {},
              std::string_view key = "key") const {
        Operation operation{request(verb, token, claim, key)};
        detail::BlockingCall{operation}.run(backend, *clock_);
        return operation.reply;
    }
    // Whether it gets the lock.
    [[nodiscard]] static std::future<bool> wait_for_key(LockManager& locks) {
        return std::async(std::launch::async, [&locks] {
            return granted(locks.acquire("key", {.ttl = 10min, .wait_timeout = 1h}));
        });
    }
    [[nodiscard]] std::size_t files() const {
        const std::filesystem::directory_iterator all{home_.path()};
        return static_cast<std::size_t>(std::count_if(begin(all), end(all), [](const auto& each) {
            return file::is_of_lock(each.path().filename().string());
        }));
    }
    [[nodiscard]] static std::size_t descriptors() {
        const std::filesystem::directory_iterator all{"/proc/self/fd"};
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }
    support::TempDir home_;
    std::shared_ptr<testing::ManualClock> clock_ = std::make_shared<testing::ManualClock>();
};

}  // namespace leaselock
