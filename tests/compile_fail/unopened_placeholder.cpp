// expect: unbalanced braces
// culprit: }
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int id = 1;
    return LEASELOCK_KEY("stock-id}}", id);
}
