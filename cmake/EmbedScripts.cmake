# Embeds Lua scripts as text. Used in two ways:
#
#   include(EmbedScripts)
#   leaselock_embed_scripts(<target> <script.lua>...)    makes redis_scripts.hpp for <target>
#   cmake -DOUTPUT=<file> "-DSCRIPTS=<a.lua>;<b.lua>" -P EmbedScripts.cmake    writes it
#
# What Redis gets is the script without its comments and blank lines; the SHA1 is that of exactly
# these bytes, which is the name that EVALSHA asks for. Only whole-line `--` comments are allowed.
# A line `-- include <file>` stands for the file, which lies beside the script; one includes no other.
cmake_minimum_required(VERSION 3.25)

function(leaselock_embed_scripts target)
    set(directory "${PROJECT_BINARY_DIR}/generated")
    set(output "${directory}/redis_scripts.hpp")
    list(TRANSFORM ARGN PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" OUTPUT_VARIABLE scripts)
    set(generator "${PROJECT_SOURCE_DIR}/cmake/EmbedScripts.cmake")
    file(GLOB parts CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/redis/scripts/parts/*.lua")
    add_custom_command(OUTPUT "${output}"
        COMMAND "${CMAKE_COMMAND}" "-DOUTPUT=${output}" "-DSCRIPTS=${scripts}"
                -P "${generator}"
        DEPENDS ${scripts} ${parts} "${generator}"
        COMMENT "Embedding the Redis scripts"
        VERBATIM)
    target_sources(${target} PRIVATE "${output}")
    target_include_directories(${target} PRIVATE "${directory}")
endfunction()

# Sets <text_variable> to the text of <script> with all that it includes.
function(leaselock_read_script script text_variable)
    file(READ "${script}" text)
    cmake_path(GET script PARENT_PATH directory)
    string(REGEX MATCHALL "-- include [a-z_/]+[.]lua\n" includes "${text}")
    foreach(line IN LISTS includes)
        string(REGEX REPLACE "-- include (.*)\n" "\\1" name "${line}")
        file(READ "${directory}/${name}" part)
        string(REPLACE "${line}" "\n${part}" text "${text}")
    endforeach()
    set(${text_variable} "${text}" PARENT_SCOPE)
endfunction()

# Sets <text_variable> to what is embedded of <script>.
function(leaselock_strip_script script text_variable)
    leaselock_read_script("${script}" text)
    if(text MATCHES "--\\[=*\\[" OR text MATCHES "\\)lua\"" OR text MATCHES "\r")
        message(FATAL_ERROR "${script}: no block comments, no `)lua\"` and no CR, please")
    endif()
    string(PREPEND text "\n")
    string(REGEX REPLACE "\n[ \t]*--[^\n]*" "" text "${text}")
    string(REGEX REPLACE "[ \t]+\n" "\n" text "${text}")
    string(REGEX REPLACE "\n\n+" "\n" text "${text}")
    string(STRIP "${text}" text)
    if(text STREQUAL "")
        message(FATAL_ERROR "${script}: nothing but comments")
    endif()
    set(${text_variable} "${text}\n" PARENT_SCOPE)
endfunction()

function(leaselock_write_scripts output scripts)
    set(body "")
    foreach(script IN LISTS scripts)
        cmake_path(GET script STEM name)
        leaselock_strip_script("${script}" text)
        string(SHA1 sha1 "${text}")
        string(APPEND body
            "\ninline constexpr std::string_view ${name}_text = R\"lua(${text})lua\";\n"
            "inline constexpr std::string_view ${name}_sha1 = \"${sha1}\";\n"
            "inline constexpr std::string_view ${name}_by_sha1 =\n"
            "    \"\$7\\r\\nEVALSHA\\r\\n\$40\\r\\n${sha1}\\r\\n\";\n")
    endforeach()
    file(WRITE "${output}"
        "// Generated from src/redis/scripts/ by cmake/EmbedScripts.cmake.\n"
        "#pragma once\n\n#include <string_view>\n\nnamespace leaselock::redis::scripts {\n"
        "${body}\n}  // namespace leaselock::redis::scripts\n")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
    leaselock_write_scripts("${OUTPUT}" "${SCRIPTS}")
endif()
