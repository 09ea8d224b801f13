# leaselock_compile_options: warnings and sanitizers for our own targets. They are linked PRIVATE
# and only while building, so no flag reaches a consumer of the installed package.
add_library(leaselock_compile_options INTERFACE)

target_compile_options(leaselock_compile_options INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor
    "$<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wthread-safety;-Wreserved-identifier>"
    $<$<BOOL:${LEASELOCK_WERROR}>:-Werror>)

if(LEASELOCK_SANITIZE)
    list(JOIN LEASELOCK_SANITIZE "," leaselock_sanitizers)
    target_compile_options(leaselock_compile_options INTERFACE
        -fsanitize=${leaselock_sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(leaselock_compile_options INTERFACE -fsanitize=${leaselock_sanitizers})
endif()
