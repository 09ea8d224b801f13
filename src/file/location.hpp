// Which directory locks lie in, and how it comes to be there.
//
// Thread-safety: functions without state.
#pragma once

#include <string>
#include <sys/types.h>

#include "file/descriptor.hpp"

namespace leaselock::file {

// Makes it, for its owner alone, if it is not there: a whole one or none, whatever the umask.
// Throws FileError.
[[nodiscard]] Descriptor open_directory(const std::string& path);

// In a place where everybody may make directories: refuses a link, one that somebody else has made
// or may write to, and a place that other processes of the user do not see.
[[nodiscard]] Descriptor open_own_directory(const std::string& path);

struct Rights {
    mode_t mode = 0700;
    gid_t group = static_cast<gid_t>(-1);  // that of the process, or of the directory above
};
// Makes it if it is not there. Throws FileError.
void make_directory(const std::string& path, const Rights& rights);

}  // namespace leaselock::file
