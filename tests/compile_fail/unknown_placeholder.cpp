// expect: placeholder without an argument
// culprit: productid
#include <string>

#include <leaselock/key_macros.hpp>

std::string key() {
    const int productId = 1;
    return LEASELOCK_KEY("stock-{{productid}}", productId);
}
