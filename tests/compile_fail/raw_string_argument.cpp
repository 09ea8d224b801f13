// expect: a raw string literal
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() { return LEASELOCK_KEY("{{x}}", leaselock::arg<"x">(R"(a, b)")); }
