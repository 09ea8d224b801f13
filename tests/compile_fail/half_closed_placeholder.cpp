// expect: unbalanced braces
// culprit: {{id}-x
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int id = 1;
    return LEASELOCK_KEY("stock-{{id}-x", id);
}
