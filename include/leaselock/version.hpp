// The version of this library, as macros for #if and as constants. The build reads it from here.
// Thread-safety: constants.
#pragma once

// major.minor.patch; until 1.0 a new minor version may change the interface.
#define LEASELOCK_VERSION_MAJOR 0
#define LEASELOCK_VERSION_MINOR 1
#define LEASELOCK_VERSION_PATCH 0

namespace leaselock {

inline constexpr int version_major = LEASELOCK_VERSION_MAJOR;
inline constexpr int version_minor = LEASELOCK_VERSION_MINOR;
inline constexpr int version_patch = LEASELOCK_VERSION_PATCH;

}  // namespace leaselock
