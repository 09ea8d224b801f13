# cmake -DCOMPILER=... -DFLAGS=... -DINCLUDE=... -DSYSTEM_INCLUDES=... -DSOURCE=... -P check_compile.cmake
#
# Compiles SOURCE without making code. Its first lines say what is expected:
#
#   // expect: words    it fails, with an error that has these words
#   // culprit: text    and the compiler spells this text, character by character
#
# A file without the first of them must compile without a warning.
separate_arguments(command UNIX_COMMAND "${FLAGS}")
list(PREPEND command ${COMPILER})
list(APPEND command -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Werror
    -I${INCLUDE})
# Behind the compiler's own directories: one of them may be among these, and must keep its place.
foreach(directory IN LISTS SYSTEM_INCLUDES)
    list(APPEND command -idirafter ${directory})
endforeach()
execute_process(COMMAND ${command} ${SOURCE}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)

file(READ "${SOURCE}" source)
if(NOT source MATCHES "^// expect: ([^\n]+)\n")
    if(NOT result EQUAL 0)
        message(FATAL_ERROR "must compile, and does not:\n${output}")
    endif()
    return()
endif()
set(words "${CMAKE_MATCH_1}")
if(result EQUAL 0)
    message(FATAL_ERROR "must not compile, and does")
endif()

# The words count only in an error, not in a line of source that is quoted below it.
string(REGEX MATCHALL "error: [^\n]*" errors "${output}")
string(FIND "${errors}" "${words}" at)
if(at EQUAL -1)
    message(FATAL_ERROR "no error says \"${words}\":\n${output}")
endif()

if(source MATCHES "\n// culprit: ([^\n]+)\n")
    set(characters "${CMAKE_MATCH_1}")
    string(REGEX REPLACE "(.)" "'\\1', " characters "${characters}")
    string(REGEX REPLACE ", $" ">" characters "${characters}")
    string(FIND "${output}" "Culprit<${characters}" at)
    if(at EQUAL -1)
        message(FATAL_ERROR "the culprit is not named, Culprit<${characters}:\n${output}")
    endif()
endif()
