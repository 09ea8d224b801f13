# Compiles and runs a program of tests/package/consumer with the flags that pkg-config gives for
# PACKAGES, from the installation under PACKAGE_PREFIX. STATIC asks for what a static library needs.
# With EXPECTED_ERROR pkg-config has to fail, and to say that.
cmake_minimum_required(VERSION 3.25)
set(prefix "${WORK_DIR}/${PACKAGE_PREFIX}")
set(program "${WORK_DIR}/${NAME}")
file(GLOB_RECURSE files "${prefix}/*.pc")
if(NOT files)
    message(FATAL_ERROR "no .pc file under ${prefix}")
endif()
list(GET files 0 file)
cmake_path(GET file PARENT_PATH directory)
set(ENV{PKG_CONFIG_PATH} "${directory}")

# Sets <variable> to what pkg-config answers, as a list.
function(ask_pkg_config variable)
    execute_process(COMMAND pkg-config --print-errors ${ARGN} ${PACKAGES}
        RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error)
    if(EXPECTED_ERROR)
        string(FIND "${error}" "${EXPECTED_ERROR}" at)
        if(result EQUAL 0 OR at EQUAL -1)
            message(FATAL_ERROR "expected a failure that names ${EXPECTED_ERROR}, but: ${result}\n${error}")
        endif()
    elseif(NOT result EQUAL 0)
        message(FATAL_ERROR "pkg-config: ${error}")
    endif()
    separate_arguments(flags UNIX_COMMAND "${output}")
    set(${variable} "${flags}" PARENT_SCOPE)
endfunction()

ask_pkg_config(flags --cflags --libs)
if(EXPECTED_ERROR)
    return()
endif()
# What is ours to use only must not be linked by users: they may not even have it.
if("-lhiredis" IN_LIST flags OR "-lssl" IN_LIST flags)
    message(FATAL_ERROR "hiredis or OpenSSL is handed on: ${flags}")
endif()
if(STATIC)
    ask_pkg_config(flags --static --cflags --libs)
endif()
# A wrong directory must not be helped out by an installation in the system.
foreach(flag IN LISTS flags)
    if(flag MATCHES "^-[IL](.*)")
        cmake_path(NORMAL_PATH CMAKE_MATCH_1 OUTPUT_VARIABLE path)
        list(APPEND paths "${path}")
    endif()
endforeach()
cmake_path(GET directory PARENT_PATH library_directory)
foreach(path IN ITEMS "${prefix}/include" "${library_directory}")
    if(NOT path IN_LIST paths)
        message(FATAL_ERROR "${path} is not in ${flags}")
    endif()
endforeach()

execute_process(COMMAND ${CXX_COMPILER_LAUNCHER} "${CXX_COMPILER}" -std=c++20
    -c "${SOURCE_DIR}/tests/package/consumer/${PROGRAM}.cpp" -o "${program}.o" ${flags}
    COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CXX_COMPILER}" "${program}.o" -o "${program}" ${flags}
    COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" -E env "LD_LIBRARY_PATH=${library_directory}" "${program}"
    COMMAND_ERROR_IS_FATAL ANY)
