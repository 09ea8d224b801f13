// expect: LEASELOCK_FIELDS(Type, field...) registers
// culprit: user.id
#include <string>

#include <leaselock/key_macros.hpp>

struct User {
    int id;
};

std::string key() {
    const User user{1};
    return LEASELOCK_KEY("{{user.id}}", user);
}
