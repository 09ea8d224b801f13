# The CMake package, find_package(leaselock [COMPONENTS hazelcast redis testing]), and files for pkg-config. Each
# component has an export file and a .pc file of its own, so that a consumer needs the dependencies of
# what it asks for and no others.
include(CMakePackageConfigHelpers)
include(LeaselockPkgConfig)
set(leaselock_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/leaselock")

configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/leaselock-config.cmake.in"
    "${PROJECT_BINARY_DIR}/leaselock-config.cmake"
    INSTALL_DESTINATION "${leaselock_package_dir}")
# Until 1.0 a new minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/leaselock-config-version.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/leaselock-config.cmake"
    "${PROJECT_BINARY_DIR}/leaselock-config-version.cmake"
    DESTINATION "${leaselock_package_dir}" COMPONENT core)
set(leaselock_license_component core)
if(BUILD_SHARED_LIBS)
    set(leaselock_license_component core_runtime)
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}"
    COMPONENT ${leaselock_license_component})

# leaselock_install_dependencies(<component> <text>): what find_package does for that component.
function(leaselock_install_dependencies component text)
    set(file "${PROJECT_BINARY_DIR}/dependencies-${component}.cmake")
    file(WRITE "${file}" "${text}")
    install(FILES "${file}" DESTINATION "${leaselock_package_dir}" COMPONENT ${component})
endfunction()

leaselock_install_pkg_config(core DESCRIPTION "${PROJECT_DESCRIPTION}" REQUIRES "fmt >= 9")

leaselock_install_dependencies(testing "find_dependency(GTest 1.12)\n")
leaselock_install_pkg_config(testing
    DESCRIPTION "Helpers for tests of leaselock's backends and users"
    REQUIRES "leaselock = ${PROJECT_VERSION}" "gtest >= 1.12")

set(leaselock_find_openssl)
set(leaselock_pkg_config_openssl)
if(LEASELOCK_WITH_TLS)
    set(leaselock_find_openssl "find_dependency(OpenSSL 1.1.1)\n")
    set(leaselock_pkg_config_openssl "openssl >= 1.1.1")
endif()
if(LEASELOCK_WITH_HAZELCAST)
    leaselock_install_pkg_config(hazelcast
        DESCRIPTION "Distributed locks for C++20, in a Hazelcast cluster"
        REQUIRES "leaselock = ${PROJECT_VERSION}"
        REQUIRES_PRIVATE ${leaselock_pkg_config_openssl})
    if(NOT BUILD_SHARED_LIBS)
        leaselock_install_dependencies(hazelcast "${leaselock_find_openssl}")
    endif()
endif()
if(LEASELOCK_WITH_REDIS)
    leaselock_install_pkg_config(redis
        DESCRIPTION "Distributed locks for C++20, on a Redis server"
        REQUIRES "leaselock = ${PROJECT_VERSION}"
        REQUIRES_PRIVATE hiredis ${leaselock_pkg_config_openssl})
    # A shared library is linked already.
    if(NOT BUILD_SHARED_LIBS)
        leaselock_install_dependencies(redis
"${leaselock_find_openssl}list(APPEND CMAKE_MODULE_PATH \"\${CMAKE_CURRENT_LIST_DIR}\")
find_dependency(hiredis)
list(POP_BACK CMAKE_MODULE_PATH)
")
        install(FILES "${PROJECT_SOURCE_DIR}/cmake/Findhiredis.cmake"
            DESTINATION "${leaselock_package_dir}" COMPONENT redis)
    endif()
endif()
