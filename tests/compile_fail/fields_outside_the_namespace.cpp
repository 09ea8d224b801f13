// expect: LEASELOCK_FIELDS must stand in the namespace of the struct
#include <leaselock/key_macros.hpp>

namespace shop {
struct User {
    int id;
};
}  // namespace shop

LEASELOCK_FIELDS(shop::User, id);
