// expect: placeholder without an argument
// culprit: id
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() { return LEASELOCK_KEY("stock-{{id}}"); }
