// expect: constant expression
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const std::string text = "x-{{id}}";
    const int id = 1;
    return LEASELOCK_KEY(text, id);
}
