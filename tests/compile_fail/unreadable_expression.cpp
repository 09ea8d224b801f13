// expect: the argument list cannot be read
// culprit: a + b
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int a = 1;
    const int b = 2;
    return LEASELOCK_KEY("{{a}}", a + b);
}
