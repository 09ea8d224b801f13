# Uses the command as it was installed: it runs, and the man page and the completions of each shell lie
# where those look for them. What starts first loads the C library and no other. ALONE: nothing else
# was installed, and nothing else is there.
cmake_minimum_required(VERSION 3.25)
set(prefix "${WORK_DIR}/${PACKAGE_PREFIX}")
set(files
    bin/leaselock
    bin/leaselock-full
    share/man/man1/leaselock.1
    share/bash-completion/completions/leaselock
    share/zsh/site-functions/_leaselock
    share/fish/vendor_completions.d/leaselock.fish)
foreach(file IN LISTS files)
    # Debian compresses pages.
    if(NOT EXISTS "${prefix}/${file}" AND NOT EXISTS "${prefix}/${file}.gz")
        message(FATAL_ERROR "${file} was not installed")
    endif()
endforeach()
if(ALONE)
    file(GLOB_RECURSE installed RELATIVE "${prefix}" "${prefix}/*")
    list(SORT installed)
    list(SORT files)
    if(NOT installed STREQUAL files)
        message(FATAL_ERROR "the component tools brings ${installed}")
    endif()
endif()
execute_process(COMMAND "${prefix}/bin/leaselock" --version
    OUTPUT_VARIABLE version COMMAND_ERROR_IS_FATAL ANY)
if(NOT version MATCHES "^leaselock [0-9]+\\.[0-9]+\\.[0-9]+\n$")
    message(FATAL_ERROR "it says: ${version}")
endif()
# It gets as far as a server that is not there.
execute_process(
    COMMAND "${prefix}/bin/leaselock" --url "redis+unix://${WORK_DIR}/nowhere" status key
    RESULT_VARIABLE result ERROR_VARIABLE error)
if(NOT result EQUAL 69)
    message(FATAL_ERROR "it ended with ${result}: ${error}")
endif()
execute_process(COMMAND readelf --dynamic --wide "${prefix}/bin/leaselock"
    OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*" libraries "${dynamic}")
list(FILTER libraries EXCLUDE REGEX "\\[(libc|libm|ld-linux)[-.]")
if(libraries OR NOT dynamic MATCHES "\\[libc\\.")
    message(FATAL_ERROR "bin/leaselock loads ${libraries}")
endif()
