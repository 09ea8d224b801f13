// expect: an empty hash tag
// culprit: {}
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() { return LEASELOCK_KEY("stock-{}"); }
