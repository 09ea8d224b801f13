// expect: the template is empty
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() { return LEASELOCK_KEY(""); }
