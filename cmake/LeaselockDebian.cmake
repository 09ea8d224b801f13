# Debian packages: `cpack -G DEB` in a build of shared libraries. Until 1.0 each minor version has an
# interface of its own, so the soname says 0.1 and so does the name of the package, as Debian asks:
# programs that were built for 0.1 keep it when 0.2 is installed beside it.
set(leaselock_debian_runtime "libleaselock${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME leaselock)
set(CPACK_PACKAGE_CONTACT "leaselock maintainers <maintainers@leaselock.example>")
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/packaging/debian/stage.cmake")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${leaselock_debian_runtime})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "The shared libraries.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/cmake/packaging/debian/triggers")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libleaselock-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEV_DESCRIPTION
    "The headers, and what CMake and pkg-config need to find the libraries.")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
    "${leaselock_debian_runtime} (= ${PROJECT_VERSION}), libfmt-dev (>= 9)")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "libgtest-dev (>= 1.12), libasio-dev | libboost-dev (>= 1.74), prometheus-cpp-dev")

# Of the library it needs, dpkg-shlibdeps knows nothing yet.
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME leaselock)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION admin)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "The command leaselock.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}/src")
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${leaselock_debian_runtime} (= ${PROJECT_VERSION})")

include(CPack)
foreach(component IN ITEMS core hazelcast redis testing)
    cpack_add_component(${component} GROUP dev)
    cpack_add_component(${component}_runtime GROUP runtime)
endforeach()
if(LEASELOCK_BUILD_TOOLS)
    cpack_add_component(tools)
endif()
