# Finds hiredis and makes the target hiredis::hiredis.
#
# hiredis 1.x brings a package that defines the target, and then that one is used. Debian's packages
# (0.14 and 1.2) define none: there the library is looked for with the help of pkg-config.
if(NOT TARGET hiredis::hiredis)
    find_package(hiredis CONFIG QUIET)
endif()
if(NOT TARGET hiredis::hiredis)
    find_package(PkgConfig QUIET)
    if(PKG_CONFIG_FOUND)
        pkg_check_modules(PC_HIREDIS QUIET hiredis)
    endif()
    find_path(HIREDIS_INCLUDE_DIR hiredis/read.h HINTS ${PC_HIREDIS_INCLUDEDIR})
    find_library(HIREDIS_LIBRARY hiredis HINTS ${PC_HIREDIS_LIBDIR})
    mark_as_advanced(HIREDIS_INCLUDE_DIR HIREDIS_LIBRARY)
    set(hiredis_VERSION "${PC_HIREDIS_VERSION}")
    if(HIREDIS_LIBRARY AND HIREDIS_INCLUDE_DIR)
        add_library(hiredis::hiredis UNKNOWN IMPORTED)
        set_target_properties(hiredis::hiredis PROPERTIES
            IMPORTED_LOCATION "${HIREDIS_LIBRARY}"
            INTERFACE_INCLUDE_DIRECTORIES "${HIREDIS_INCLUDE_DIR}")
    endif()
endif()

set(hiredis_target_found OFF)
if(TARGET hiredis::hiredis)
    set(hiredis_target_found ON)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(hiredis
    REQUIRED_VARS hiredis_target_found VERSION_VAR hiredis_VERSION
    REASON_FAILURE_MESSAGE "on Debian and Ubuntu it is in libhiredis-dev")
