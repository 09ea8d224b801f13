# leaselock_compile_options: warnings and sanitizers for our own targets. They are linked PRIVATE
# and only while building, so no flag reaches a consumer of the installed package.
add_library(leaselock_compile_options INTERFACE)

target_compile_options(leaselock_compile_options INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor
    "$<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wthread-safety;-Wreserved-identifier>"
    $<$<BOOL:${LEASELOCK_WERROR}>:-Werror>)

# To look at an object's type, -fsanitize=vptr opens a pipe for a moment, and a program that another
# thread starts in that moment gets it.
if(LEASELOCK_SANITIZE)
    list(JOIN LEASELOCK_SANITIZE "," leaselock_sanitizers)
    target_compile_options(leaselock_compile_options INTERFACE
        -fsanitize=${leaselock_sanitizers} -fno-sanitize=vptr -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    target_link_options(leaselock_compile_options INTERFACE -fsanitize=${leaselock_sanitizers})
endif()
