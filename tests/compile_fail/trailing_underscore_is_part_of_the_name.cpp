// expect: placeholder without an argument
// culprit: id
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int id_ = 1;
    return LEASELOCK_KEY("{{id}}", id_);
}
