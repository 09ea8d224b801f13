# What tests and examples of <leaselock/asio.hpp> need: the target leaselock_asio for asio, and
# leaselock_boost_asio for Boost.Asio, each where it is there. The library needs neither.
function(leaselock_find_asio target header macros uses_boost)
    find_path(${target}_INCLUDE_DIR ${header})
    mark_as_advanced(${target}_INCLUDE_DIR)
    if(NOT ${target}_INCLUDE_DIR)
        return()
    endif()
    add_library(${target} INTERFACE)
    target_include_directories(${target} SYSTEM INTERFACE "${${target}_INCLUDE_DIR}")
    target_compile_definitions(${target} INTERFACE LEASELOCK_ASIO_USES_BOOST=${uses_boost})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        # Those of Debian 12 do not know that it has the coroutines of the standard.
        target_compile_definitions(${target} INTERFACE
            ${macros}_HAS_CO_AWAIT ${macros}_HAS_STD_COROUTINE)
    endif()
endfunction()

leaselock_find_asio(leaselock_asio asio.hpp ASIO 0)
leaselock_find_asio(leaselock_boost_asio boost/asio.hpp BOOST_ASIO 1)

# For sources with coroutines of asio's: clang 14 cannot compile those that are templates with a check
# of the functions' types.
set(leaselock_asio_options "$<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=function>")
