#include "cli/metrics_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sstream>
#include <sys/stat.h>
#include <system_error>

#include "cli/descriptor.hpp"
#include "cli/output.hpp"

namespace leaselock::cli {
namespace {

namespace fs = std::filesystem;

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        text.remove_prefix(static_cast<std::size_t>(checked(static_cast<int>(n), "write")));
    }
}

// A file in the same directory that takes the place of another, or is gone.
class Draft {
  public:
    explicit Draft(const fs::path& path)
        : name_{path.parent_path() / fmt::format(".{}.XXXXXX", path.filename().native())},
          fd_{checked(::mkostemp(name_.data(), O_CLOEXEC), "mkostemp")} {}
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    ~Draft() {
        if (fd_) ::unlink(name_.c_str());
    }

    void fill(std::string_view text) {
        checked(::fchmod(fd_.get(), 0644), "fchmod");
        write_all(fd_.get(), text);
    }
    void become(const fs::path& path) {
        checked(::rename(name_.c_str(), path.c_str()), "rename");
        fd_.close();
    }

  private:
    std::string name_;
    Descriptor fd_;
};

// A device or a link would be replaced, and so would a pipe that somebody reads.
void refuse_what_is_no_file(const fs::path& path) {
    const fs::file_status found = fs::symlink_status(path);
    if (fs::exists(found) && !fs::is_regular_file(found)) {
        throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                                "not a regular file");
    }
}

// The file's name without its ending tells the files of several jobs in one directory apart.
void write_metrics(const LockManager& locks, const fs::path& path) {
    refuse_what_is_no_file(path);
    std::ostringstream text;
    locks.write_metrics(text, path.stem().native());
    Draft draft{path};
    draft.fill(text.str());
    draft.become(path);
}

}  // namespace

MetricsAtEnd::~MetricsAtEnd() {
    if (path_.empty()) return;
    try {
        write_metrics(locks_, path_);
    } catch (const std::exception& error) {
        complain(fmt::format("cannot write the metrics to '{}': {}", path_, error.what()));
    }
}

}  // namespace leaselock::cli
