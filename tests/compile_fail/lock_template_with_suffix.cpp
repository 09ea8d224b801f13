// expect: the template is a string literal; a key that is made at run time
#include <string>

#include <leaselock/detail/key_format.hpp>

#define CALL_KEY(...)                   \
    leaselock::detail::format_call_key< \
        leaselock::detail::well_spelled<leaselock::detail::CallText{#__VA_ARGS__}>()>()

std::string key() { return CALL_KEY("stock"s); }
