// expect: adjacent placeholders
// culprit: {{b}}
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int a = 1;
    const int b = 2;
    return LEASELOCK_KEY("{{a}}{{b}}", a, b);
}
