// expect: unused argument
// culprit: other
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int id = 1;
    const int other = 2;
    return LEASELOCK_KEY("stock-{{id}}", id, other);
}
