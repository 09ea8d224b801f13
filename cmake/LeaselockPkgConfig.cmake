# leaselock_install_pkg_config(<component> DESCRIPTION <text> [REQUIRES ...] [REQUIRES_PRIVATE ...])
#
# Installs leaselock.pc for the core, leaselock-<component>.pc for another one. REQUIRES are the
# packages whose headers ours include, REQUIRES_PRIVATE those that only a static library hands on: a
# shared one names none, so that nobody has to install them to link with it.
set(leaselock_pkg_config_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# leaselock_pkg_config_dirs(<prefix> <libdir> <includedir>): as they stand in the file. The prefix is
# seen from the file, so that `cmake --install --prefix` and a move do no harm; where the file lies
# outside the prefix, because CMAKE_INSTALL_LIBDIR is absolute, it is the configured one.
function(leaselock_pkg_config_dirs prefix libdir includedir)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
        set(${prefix} "${CMAKE_INSTALL_PREFIX}" PARENT_SCOPE)
    else()
        file(RELATIVE_PATH up "/${leaselock_pkg_config_dir}" "/")
        string(REGEX REPLACE "/$" "" up "${up}")
        set(${prefix} "\${pcfiledir}/${up}" PARENT_SCOPE)
    endif()
    foreach(what IN ITEMS LIBDIR INCLUDEDIR)
        string(TOLOWER ${what} name)
        set(directory "\${prefix}")
        cmake_path(APPEND directory "${CMAKE_INSTALL_${what}}")
        set(${${name}} "${directory}" PARENT_SCOPE)
    endforeach()
endfunction()

function(leaselock_install_pkg_config component)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "DESCRIPTION" "REQUIRES;REQUIRES_PRIVATE")
    set(name leaselock)
    set(target leaselock)
    if(NOT component STREQUAL "core")
        set(name leaselock-${component})
        set(target leaselock_${component})
    endif()
    leaselock_pkg_config_dirs(prefix libdir includedir)

    get_target_property(type ${target} TYPE)
    set(libs)
    if(NOT type STREQUAL "INTERFACE_LIBRARY")
        set(libs "-L\${libdir} -l${target} -pthread")
    endif()
    list(JOIN arg_REQUIRES ", " requires)
    set(requires_private)
    if(NOT BUILD_SHARED_LIBS)
        list(JOIN arg_REQUIRES_PRIVATE ", " requires_private)
    endif()

    set(file "${PROJECT_BINARY_DIR}/${name}.pc")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/leaselock.pc.in" "${file}" @ONLY)
    install(FILES "${file}" DESTINATION "${leaselock_pkg_config_dir}" COMPONENT ${component})
endfunction()
