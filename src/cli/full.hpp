// What a start within a millisecond or two has no time for: the libraries of Redis and TLS take
// longer to be loaded than a command that locks on this machine runs. So there are two programs of
// the same parts: `leaselock`, which has none of them, and `leaselock-full` beside it, which it
// becomes when they are needed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <leaselock/backend.hpp>

namespace leaselock::cli {

// `words` are the program's, as main() has them. Does no I/O in `leaselock-full`; in `leaselock` it
// does not return, unless by LockError{not_supported} since there is no `leaselock-full`. Throws
// LockError for a URL that is wrong.
[[nodiscard]] std::shared_ptr<Backend> server_backend(const std::string& url,
                                                      const std::vector<std::string>& words);

}  // namespace leaselock::cli
