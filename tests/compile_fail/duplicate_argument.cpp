// expect: two arguments have the same name
// culprit: id
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int id = 1;
    return LEASELOCK_KEY("{{id}}", id, id);
}
