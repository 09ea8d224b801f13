# Builds and installs the Redis component where OpenSSL cannot be found: TLS is left out then, and
# nothing that is installed may look for OpenSSL. hiredis comes from a package under vcpkg's name.
set(build "${WORK_DIR}/without_tls_build")
set(prefix "${WORK_DIR}/without_tls_installed")
file(REMOVE_RECURSE "${prefix}")

execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${build}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${CXX_COMPILER_LAUNCHER}"
    "-DCMAKE_INSTALL_PREFIX=${prefix}"
    -DCMAKE_BUILD_TYPE=
    -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON
    "-Dhiredis_DIR=${SOURCE_DIR}/tests/package/hiredis/vcpkg" -DHIREDIS_LIBRARY=
    -DLEASELOCK_WITH_REDIS=ON
    -DLEASELOCK_BUILD_TESTS=OFF
    -DLEASELOCK_BUILD_EXAMPLES=OFF
    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${build}" --target install
    COMMAND_ERROR_IS_FATAL ANY)

file(GLOB_RECURSE installed "${prefix}/*.cmake")
foreach(file IN LISTS installed)
    file(STRINGS "${file}" mentions REGEX "OpenSSL")
    if(mentions)
        message(FATAL_ERROR "${file} looks for OpenSSL: ${mentions}")
    endif()
endforeach()
if(NOT installed)
    message(FATAL_ERROR "nothing was installed")
endif()
