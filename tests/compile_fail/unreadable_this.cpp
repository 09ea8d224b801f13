// expect: the argument list cannot be read
// culprit: *this
#include <string>

#include <leaselock/key_macros.hpp>

struct Service {
    std::string key() { return LEASELOCK_KEY("{{service}}", *this); }
};

std::string key() { return Service{}.key(); }
