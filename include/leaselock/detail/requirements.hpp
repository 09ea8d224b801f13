// What a compiler has to bring. Where it does not, one #error says so, and the missing file after
// it ends the compilation, before a hundred lines say the same in other words. In the place of
// <stop_token>, which some libraries do not have: so it comes first.
//
// Thread-safety: nothing but the preprocessor.
#pragma once

#include <version>

#if __cplusplus < 202002L
#error "leaselock needs C++20: compile with -std=c++20, or set CMAKE_CXX_STANDARD to 20"
#include <leaselock-needs-cxx20>
#elif !defined(__cpp_exceptions)
#error "leaselock needs exceptions: compile without -fno-exceptions"
#include <leaselock-needs-exceptions>
#elif !defined(__cpp_lib_jthread)
#error "leaselock needs std::stop_token: libstdc++ 10, or a libc++ that has it"
#include <leaselock-needs-stop_token>
#endif

#include <stop_token>  // IWYU pragma: export
