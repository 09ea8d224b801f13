# Makes Debian packages of the shared libraries, and of the command if there are TOOLS, and unpacks
# them into an empty directory. Each needs what its files do, and lintian finds no error in it.
cmake_minimum_required(VERSION 3.25)
set(packages "${WORK_DIR}/debian_packages")
set(root "${WORK_DIR}/debian_installed")
file(REMOVE_RECURSE "${packages}" "${root}")

cmake_path(GET CMAKE_COMMAND PARENT_PATH cmake_directory)
execute_process(COMMAND "${cmake_directory}/cpack" -G DEB -B "${packages}"
    WORKING_DIRECTORY "${WORK_DIR}/shared_build" COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)

# The package of a library is named after its soname: dpkg finds what a program needs by it.
file(GLOB soname RELATIVE "${WORK_DIR}/shared_build/src" "${WORK_DIR}/shared_build/src/libleaselock.so.?.?")
string(REPLACE ".so." "" runtime "${soname}")

# unpack(<package> <dependency>...): it must depend on each of these.
function(unpack package)
    file(GLOB file "${packages}/${package}_*.deb")
    if(NOT file)
        message(FATAL_ERROR "there is no package ${package}")
    endif()
    execute_process(COMMAND dpkg-deb --field "${file}" Depends
        OUTPUT_VARIABLE depends COMMAND_ERROR_IS_FATAL ANY)
    foreach(dependency IN LISTS ARGN)
        if(NOT depends MATCHES "(^|, )${dependency}( |,|\n|$)")
            message(FATAL_ERROR "${package} does not depend on ${dependency}, but on ${depends}")
        endif()
    endforeach()
    execute_process(COMMAND dpkg-deb --extract "${file}" "${root}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

unpack(${runtime} libc6 libstdc\\+\\+6 "libfmt[0-9.]+" "libhiredis[0-9.]+" "libssl[0-9.]+(t64)?")
unpack(libleaselock-dev ${runtime} libfmt-dev)
set(expected 2)
if(TOOLS)
    unpack(leaselock ${runtime} libc6 libstdc\\+\\+6 "libfmt[0-9.]+" "libncursesw[0-9]+")
    set(expected 3)
endif()
file(GLOB files "${packages}/*.deb")
list(LENGTH files count)
if(NOT count EQUAL expected)
    message(FATAL_ERROR "${expected} packages were expected: ${files}")
endif()
# Not stripped well, say, is a warning of lintian's, and a matter of how this build was made.
execute_process(COMMAND lintian --allow-root --fail-on error ${files} COMMAND_ERROR_IS_FATAL ANY)
