# What `./dev demo` compiles before the demo says its first line: the libraries in a piece for each room, and the
# demo, and nothing else. Nothing is compiled here: it is the list of what would be.
cmake_minimum_required(VERSION 3.25)
set(build "${WORK_DIR}/${NAME}")
execute_process(COMMAND "${CMAKE_COMMAND}" --preset release -S "${SOURCE_DIR}" -B "${build}"
    WORKING_DIRECTORY "${SOURCE_DIR}" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ninja -C "${build}" -t commands orders OUTPUT_VARIABLE steps COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE "${build}/" "" steps "${steps}")
string(REGEX MATCHALL " -c [^\n]*" objects "${steps}")
list(LENGTH objects count)
if(count EQUAL 0 OR count GREATER 20 OR objects MATCHES "tests/|bench/|src/cli|hazelcast")
    list(JOIN objects "\n" text)
    message(FATAL_ERROR "the demo compiles ${count} pieces:\n${text}")
endif()
