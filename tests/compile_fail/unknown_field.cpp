// expect: LEASELOCK_FIELDS(Type, field...) registers
// culprit: user.name
#include <string>

#include <leaselock/key_macros.hpp>

struct User {
    int id;
};
LEASELOCK_FIELDS(User, id);

std::string key() {
    const User user{1};
    return LEASELOCK_KEY("{{user.name}}", user);
}
