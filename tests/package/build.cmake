# What the scripts that build and install the sources have in common.

# The library in a few pieces instead of one a source: that takes a quarter of the time.
set(unity -DCMAKE_UNITY_BUILD=ON)

# configure_sources(<build> <option>...): an option of ours that the sources do not know is an error.
function(configure_sources build)
    execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${build}" -G "${GENERATOR}"
        "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
        "-DCMAKE_CXX_COMPILER_LAUNCHER=${CXX_COMPILER_LAUNCHER}"
        -DCMAKE_BUILD_TYPE= ${unity}
        ${ARGN}
        RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    if(NOT result EQUAL 0 OR output MATCHES "not used by the project:.*LEASELOCK_")
        message(FATAL_ERROR "${output}")
    endif()
endfunction()

# forbid_in_files(<prefix> <regex> <pattern of files>...): no such file under the prefix says that in
# its name or in what is in it, and there is one.
function(forbid_in_files prefix regex)
    list(TRANSFORM ARGN PREPEND "${prefix}/" OUTPUT_VARIABLE where)
    file(GLOB_RECURSE files LIST_DIRECTORIES false ${where})
    foreach(file IN LISTS files)
        cmake_path(GET file FILENAME name)
        file(STRINGS "${file}" mentions REGEX "${regex}")
        if(mentions OR name MATCHES "${regex}")
            message(FATAL_ERROR "${file} has ${regex}: ${mentions}")
        endif()
    endforeach()
    if(NOT files)
        message(FATAL_ERROR "nothing was installed")
    endif()
endfunction()
