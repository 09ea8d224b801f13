# Builds and installs the core where hiredis cannot be found. Nothing that is installed may name it.
# The directory of the libraries is given as an absolute path, as some distributions do.
set(build "${WORK_DIR}/core_build")
set(prefix "${WORK_DIR}/core_installed")
file(REMOVE_RECURSE "${prefix}")

execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${build}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${CXX_COMPILER_LAUNCHER}"
    "-DCMAKE_INSTALL_PREFIX=${prefix}"
    "-DCMAKE_INSTALL_LIBDIR=${prefix}/lib"
    -DCMAKE_BUILD_TYPE=
    -DCMAKE_DISABLE_FIND_PACKAGE_hiredis=ON
    -DLEASELOCK_WITH_REDIS=OFF
    -DLEASELOCK_BUILD_TESTS=OFF
    -DLEASELOCK_BUILD_EXAMPLES=OFF
    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${build}" --target install
    COMMAND_ERROR_IS_FATAL ANY)

file(GLOB_RECURSE installed LIST_DIRECTORIES false "${prefix}/*")
foreach(file IN LISTS installed)
    file(STRINGS "${file}" mentions REGEX "hiredis")
    if(mentions OR file MATCHES "hiredis")
        message(FATAL_ERROR "${file} names hiredis: ${mentions}")
    endif()
endforeach()
if(NOT installed)
    message(FATAL_ERROR "nothing was installed")
endif()
