// Where the locks are: from what the user says to a manager.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/lock_manager.hpp>

namespace leaselock::cli {

struct StoreOptions {
    std::string url{};
    std::optional<std::string> prefix{};
    std::string owner{};               // empty: host and process
    std::vector<std::string> words{};  // of the command line, for another program to run with
};

struct Store {
    std::string prefix;
    std::shared_ptr<Backend> backend;  // for what a manager does not do
    LockManager locks;
    std::string directory;  // in which the locks are; empty: they are on a server
};

[[nodiscard]] bool is_on_a_server(const StoreOptions& options);
// For people, and without a password.
[[nodiscard]] std::string location_of(const StoreOptions& options);
// Does no I/O. Throws UsageError, and LockError for a URL or a prefix that is wrong.
[[nodiscard]] Store open_store(const StoreOptions& options);

}  // namespace leaselock::cli
