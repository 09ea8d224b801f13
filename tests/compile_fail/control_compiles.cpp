// The positive control: right templates, of the same shapes as the wrong ones beside this file.
#include <string>
#include <utility>

#include <leaselock/key_macros.hpp>

struct User {
    int id;
};
LEASELOCK_FIELDS(User, id);

std::string keys() {
    const int a = 1;
    const int b_ = 2;
    const User user{1};
    return LEASELOCK_KEY("nightly") + LEASELOCK_KEY("{x-{{ a }}}-{{b_|raw}}", a, b_) +
           LEASELOCK_KEY("{{user.id}}-{{sum}}", user, leaselock::arg<"sum">(a + b_)) +
           LEASELOCK_KEY("{{first}}", leaselock::arg<"first">(std::pair<int, int>(1, 2).first));
}
