// A URL of Redis for tests that are not about time-outs: those that are common, of one second, are
// over on a busy machine now and then, under a sanitizer above all.
//
// Thread-safety: a function without state.
#pragma once

#include <string>

namespace leaselock::support {

[[nodiscard]] inline std::string patient(std::string url) {
    url += url.find('?') == std::string::npos ? '?' : '&';
    return url += "connect_timeout=20s&command_timeout=20s";
}

}  // namespace leaselock::support
