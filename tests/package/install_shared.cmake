# Builds shared libraries with the options that the recipe for Conan passes, for /usr as a distribution
# would, with the command if there are TOOLS, which a distribution has and Conan has not, and installs them into a clean prefix. What the recipe tells Conan of the package must be so,
# and nothing that is installed may look for hiredis or OpenSSL.
cmake_minimum_required(VERSION 3.25)
include("${SOURCE_DIR}/tests/package/build.cmake")
set(build "${WORK_DIR}/shared_build")
set(prefix "${WORK_DIR}/shared_installed")
file(REMOVE_RECURSE "${prefix}")

execute_process(
    COMMAND python3 "${SOURCE_DIR}/tests/package/conan_recipe"
            "${SOURCE_DIR}/cmake/packaging/conan/conanfile.py" shared=True with_testing=True with_hazelcast=True
    OUTPUT_VARIABLE recipe COMMAND_ERROR_IS_FATAL ANY)
# Sets <variable> to what the recipe says behind <word>, as a sorted list.
function(recipe_says variable word)
    string(REGEX MATCHALL "${word} [^\n]+" lines "${recipe}")
    list(TRANSFORM lines REPLACE "^${word} " "")
    list(SORT lines)
    set(${variable} "${lines}" PARENT_SCOPE)
endfunction()

recipe_says(options define)
configure_sources("${build}" -DCMAKE_INSTALL_PREFIX=/usr ${options}
    "-DLEASELOCK_BUILD_TOOLS=${TOOLS}")
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${build}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${build}" --prefix "${prefix}"
    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)

file(GLOB_RECURSE exports "${prefix}/*/leaselock-*.cmake")
foreach(export IN LISTS exports)
    file(STRINGS "${export}" lines REGEX "^add_library\\(leaselock::")
    string(REGEX MATCH "leaselock::[a-z_]+" target "${lines}")
    list(APPEND installed_targets ${target})
endforeach()
list(SORT installed_targets)
recipe_says(targets target)
if(NOT targets STREQUAL installed_targets)
    message(FATAL_ERROR "the recipe tells of ${targets}, installed are ${installed_targets}")
endif()
recipe_says(version version)
recipe_says(libs lib)
foreach(lib IN LISTS libs)
    file(GLOB_RECURSE found "${prefix}/lib${lib}.so.${version}")
    if(NOT found)
        message(FATAL_ERROR "lib${lib}.so.${version} was not installed")
    endif()
endforeach()

forbid_in_files("${prefix}" "find_dependency\\((hiredis|OpenSSL)" "*.cmake")
forbid_in_files("${prefix}" "hiredis|openssl" "*.pc")
