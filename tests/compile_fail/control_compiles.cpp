// The positive control: right templates, of the same shapes as the wrong ones beside this file.
#include <string>
#include <utility>

#include <leaselock/detail/key_format.hpp>
#include <leaselock/key_macros.hpp>

#define CALL_KEY(...)                   \
    leaselock::detail::format_call_key< \
        leaselock::detail::well_spelled<leaselock::detail::CallText{#__VA_ARGS__}>()>()

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
           LEASELOCK_KEY("{{first}}", leaselock::arg<"first">(std::pair<int, int>(1, 2).first)) +
           CALL_KEY(manager, "stock", {.ttl = 1s, .wait = true}) +
           CALL_KEY(
               "a"
               "\"b\"");
}
