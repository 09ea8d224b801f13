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

// Makes one for a group, with its files, if it is not there.
void make_shared_directory(const std::string& path, gid_t group);

}  // namespace leaselock::file
