# Builds shared libraries, for /usr as a distribution would, and installs them into a clean prefix.
# Nothing that is installed may look for hiredis or OpenSSL.
set(build "${WORK_DIR}/shared_build")
set(prefix "${WORK_DIR}/shared_installed")
file(REMOVE_RECURSE "${prefix}")

execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${build}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${CXX_COMPILER_LAUNCHER}"
    -DCMAKE_INSTALL_PREFIX=/usr
    -DCMAKE_BUILD_TYPE=
    -DBUILD_SHARED_LIBS=ON
    -DLEASELOCK_BUILD_TESTS=OFF
    -DLEASELOCK_BUILD_EXAMPLES=OFF
    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${build}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${build}" --prefix "${prefix}"
    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)

file(GLOB_RECURSE installed "${prefix}/*.cmake" "${prefix}/*.pc")
foreach(file IN LISTS installed)
    file(STRINGS "${file}" mentions REGEX "find_dependency\\((hiredis|OpenSSL)|^Requires.*(hiredis|openssl)")
    if(mentions)
        message(FATAL_ERROR "${file} looks for what only a static library needs: ${mentions}")
    endif()
endforeach()
if(NOT installed)
    message(FATAL_ERROR "nothing was installed")
endif()
