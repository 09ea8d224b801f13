// expect: the argument list cannot be read
#include <string>
#include <utility>

#include <leaselock/key_macros.hpp>

std::string key() { return LEASELOCK_KEY("{{first}}", std::pair<int, int>(1, 2).first); }
