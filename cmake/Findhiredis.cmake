# Finds hiredis and makes the target hiredis::hiredis, whoever packed it.
#
# Upstream, vcpkg and Conan bring a package that defines this target, and then that one is used; a
# package without the shared library may have hiredis::hiredis_static alone. Debian's packages (0.14
# and 1.2) define none: there the library is looked for with the help of pkg-config.
if(NOT TARGET hiredis::hiredis)
    find_package(hiredis CONFIG QUIET)
endif()
if(TARGET hiredis::hiredis_static AND NOT TARGET hiredis::hiredis)
    add_library(hiredis::hiredis INTERFACE IMPORTED)
    target_link_libraries(hiredis::hiredis INTERFACE hiredis::hiredis_static)
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
    REASON_FAILURE_MESSAGE "on Debian and Ubuntu it is in libhiredis-dev. A build with -DLEASELOCK_WITH_REDIS=OFF needs none")
