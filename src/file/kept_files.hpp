// The files of a few locks that a backend holds, kept open so that a release opens nothing. Nobody
// is inside them. The oldest one goes for a new one.
//
// Thread-safety: one thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "file/directory.hpp"
#include "file/lock_file.hpp"

namespace leaselock::file {

struct KeptFile {
    std::string token{};
    std::shared_ptr<Directory> directory{};  // outlives the file
    LockFile file{};
};

class KeptFiles {
  public:
    static constexpr std::size_t most = 8;

    // Returns what has to go.
    [[nodiscard]] KeptFile put(KeptFile kept) noexcept {
        next_ = (next_ + 1) % most;
        return std::exchange(all_[next_], std::move(kept));
    }
    // Not open: it was not kept.
    [[nodiscard]] KeptFile take(std::string_view name, std::string_view token) noexcept {
        const auto found = std::ranges::find_if(all_, [&](const KeptFile& each) {
            return each.file && each.token == token && each.file.name() == name;
        });
        return found == all_.end() ? KeptFile{} : std::exchange(*found, {});
    }

    // Whether there was any.
    bool clear() noexcept {
        const bool any = std::ranges::any_of(
            all_, [](const KeptFile& each) { return static_cast<bool>(each.file); });
        all_ = {};
        return any;
    }

  private:
    std::array<KeptFile, most> all_{};
    std::size_t next_ = 0;
};

}  // namespace leaselock::file
