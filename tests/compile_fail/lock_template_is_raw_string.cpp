// expect: a raw string literal
#include <string>

#include <leaselock/detail/key_format.hpp>

#define CALL_KEY(...)                   \
    leaselock::detail::format_call_key< \
        leaselock::detail::well_spelled<leaselock::detail::CallText{#__VA_ARGS__}>()>()

std::string key() { return CALL_KEY(manager, R"(stock)"); }
