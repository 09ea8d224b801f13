# Configures, builds and runs tests/package/consumer: with the installed package under PACKAGE_PREFIX,
# or, without one, with the source tree, by add_subdirectory or, if FETCH is set, by FetchContent. With EXPECTED_ERROR the configuration has
# to fail, and to say that. HIREDIS names the stub of a package, in hiredis/, which must then be used: an
# empty HIREDIS_LIBRARY is one that Findhiredis cannot find by itself. `none` is none.
include("${SOURCE_DIR}/tests/package/build.cmake")
set(build "${WORK_DIR}/${NAME}")
file(REMOVE_RECURSE "${build}")

set(package "-DLEASELOCK_SOURCE_DIR=${SOURCE_DIR}")
if(FETCH)
    # One that takes the sources in gets few pieces without asking for them.
    set(unity)
    set(package -DFETCH=ON "-DFETCHCONTENT_SOURCE_DIR_LEASELOCK=${SOURCE_DIR}")
endif()
set(hiredis)
if(HIREDIS)
    set(hiredis "-Dhiredis_DIR=${SOURCE_DIR}/tests/package/hiredis/${HIREDIS}" -DHIREDIS_LIBRARY=)
endif()
if(PACKAGE_PREFIX)
    set(package "-DCMAKE_PREFIX_PATH=${WORK_DIR}/${PACKAGE_PREFIX}")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}"
    -S "${SOURCE_DIR}/tests/package/consumer" -B "${build}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${CXX_COMPILER_LAUNCHER}"
    "-DCMAKE_DISABLE_FIND_PACKAGE_hiredis=${NO_HIREDIS}"
    "-DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=${NO_OPENSSL}"
    "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}"
    -DCMAKE_BUILD_TYPE= ${unity}
    -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF
    "-DPROGRAM=${PROGRAM}" "-DCOMPONENTS=${COMPONENTS}" ${package} ${hiredis}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)

if(EXPECTED_ERROR)
    # CMake breaks the lines of a message where it likes.
    string(REGEX REPLACE "[ \n]+" " " text "${output}")
    string(FIND "${text}" "${EXPECTED_ERROR}" at)
    if(result EQUAL 0 OR at EQUAL -1)
        message(FATAL_ERROR "expected a failure that names ${EXPECTED_ERROR}, but: ${result}\n${output}")
    endif()
    message("it failed as it should: ${text}")
    return()
endif()
if(NOT result EQUAL 0)
    message(FATAL_ERROR "the consumer cannot be configured:\n${output}")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${build}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${build}/consumer" COMMAND_ERROR_IS_FATAL ANY)
if(FETCH AND NOT EXISTS "${build}/_deps/leaselock-build/src/CMakeFiles/leaselock.dir/Unity/unity_core_cxx.cxx")
    message(FATAL_ERROR "each source was compiled by itself")
endif()
