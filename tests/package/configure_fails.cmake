# Configures the sources with OPTIONS, separated by spaces, which has to fail, and to say EXPECTED_ERROR.
separate_arguments(OPTIONS)
set(build "${WORK_DIR}/${NAME}")
file(REMOVE_RECURSE "${build}")
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE_DIR}" -B "${build}" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}" ${OPTIONS}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
# CMake breaks the lines of a message where it likes.
string(REGEX REPLACE "[ \n]+" " " text "${output}")
string(FIND "${text}" "${EXPECTED_ERROR}" at)
if(result EQUAL 0 OR at EQUAL -1)
    message(FATAL_ERROR "expected a failure that names ${EXPECTED_ERROR}, but: ${result}\n${output}")
endif()
