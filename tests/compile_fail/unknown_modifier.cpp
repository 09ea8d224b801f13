// expect: unknown modifier
// culprit: {{id|lower}}
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int id = 1;
    return LEASELOCK_KEY("{{id|lower}}", id);
}
