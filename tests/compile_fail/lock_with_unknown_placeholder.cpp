// expect: placeholder without an argument
// culprit: id
#include <string>

#include <leaselock/detail/key_format.hpp>

#define CALL_KEY(...)                   \
    leaselock::detail::format_call_key< \
        leaselock::detail::well_spelled<leaselock::detail::CallText{#__VA_ARGS__}>()>()

std::string key() { return CALL_KEY(manager, "{{id}}", {.ttl = 1s}); }
