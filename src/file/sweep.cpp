#include "file/sweep.hpp"

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <memory>

#include "file/failure.hpp"

namespace leaselock::file {
namespace {

// As many as are read at once, and as it takes microseconds to look at.
constexpr std::size_t most_names_read = 512;
constexpr std::size_t most_names_swept = 8;

struct CloseNames {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

std::vector<std::string> some_names(const Directory& directory, std::size_t random) {
    const int copy = ::openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) raise("cannot open the lock directory", directory.path());
    const std::unique_ptr<DIR, CloseNames> all{::fdopendir(copy)};
    if (all == nullptr) raise("cannot read the lock directory", directory.path());
    std::vector<std::string> names;
    while (const dirent* const each = ::readdir(all.get())) {
        names.emplace_back(each->d_name);
        if (names.size() == most_names_read) break;
    }
    const auto first = static_cast<std::ptrdiff_t>(random % names.size());
    std::rotate(names.begin(), names.begin() + first, names.end());
    if (names.size() > most_names_swept) names.resize(most_names_swept);
    return names;
}

}  // namespace leaselock::file
