// expect: the template of a lock must be a plain string literal
// culprit: manager
#include <string>

#include <leaselock/detail/key_format.hpp>

#define CALL_KEY(...) \
    leaselock::detail::format_call_key<leaselock::detail::CallText{#__VA_ARGS__}>()

std::string key() { return CALL_KEY(manager); }
