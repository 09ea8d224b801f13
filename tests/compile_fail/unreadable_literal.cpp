// expect: the argument list cannot be read
// culprit: 42
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() { return LEASELOCK_KEY("{{x}}", 42); }
