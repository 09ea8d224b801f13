// expect: the argument list cannot be read
// culprit: ids[0]
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int ids[] = {1};
    return LEASELOCK_KEY("{{ids}}", ids[0]);
}
