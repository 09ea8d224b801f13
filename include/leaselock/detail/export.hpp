// LEASELOCK_EXPORT marks what a shared library of ours shows: all else in it is hidden. What has no
// body in a header, and each class that is thrown, or derived from outside, needs it, or else users
// of the shared library cannot link or do not catch it. The same word in a static library, and in
// all components: it says where a name may be seen, not who makes it.
#pragma once

#include <leaselock/detail/requirements.hpp>  // IWYU pragma: keep

#define LEASELOCK_EXPORT [[gnu::visibility("default")]]
