// The metrics of a run as a file, for node_exporter.
#pragma once

#include <string>

#include <leaselock/lock_manager.hpp>

namespace leaselock::cli {

// Writes them when its scope is left, however it is left: whole or not at all, and a reader of
// the file sees meanwhile the old one or the new one. That it cannot be written is said on standard
// error, and changes nothing else. An empty path: nothing is written.
class MetricsAtEnd {
  public:
    MetricsAtEnd(const LockManager& locks, const std::string& path) noexcept
        : locks_{locks}, path_{path} {}
    MetricsAtEnd(const MetricsAtEnd&) = delete;
    MetricsAtEnd& operator=(const MetricsAtEnd&) = delete;
    ~MetricsAtEnd();

  private:
    const LockManager& locks_;
    const std::string& path_;
};

}  // namespace leaselock::cli
