// expect: needs a fmt::formatter
#include <string>

#include <leaselock/key_macros.hpp>

struct Opaque {};

std::string key() {
    const Opaque opaque{};
    return LEASELOCK_KEY("{{opaque}}", opaque);
}
