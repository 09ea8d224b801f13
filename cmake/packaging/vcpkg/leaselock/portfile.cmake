# A port for vcpkg. To be filled in: who has the repository, and the SHA512 of its release archive,
# which vcpkg tells when it is 0. The headers of leaselock::testing are always there; its feature
# brings the GoogleTest that they need.
vcpkg_from_github(
    OUT_SOURCE_PATH SOURCE_PATH
    REPO OWNER/leaselock
    REF "v${VERSION}"
    SHA512 0
)
vcpkg_check_features(OUT_FEATURE_OPTIONS feature_options
    FEATURES
        hazelcast LEASELOCK_WITH_HAZELCAST
        redis LEASELOCK_WITH_REDIS
        tls LEASELOCK_WITH_TLS
        tools LEASELOCK_BUILD_TOOLS
)
vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DLEASELOCK_BUILD_TESTS=OFF
        -DLEASELOCK_BUILD_EXAMPLES=OFF
        -DCMAKE_UNITY_BUILD=ON
        ${feature_options}
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/leaselock)
vcpkg_fixup_pkgconfig()
if("tools" IN_LIST FEATURES)
    vcpkg_copy_tools(TOOL_NAMES leaselock leaselock-full AUTO_CLEAN)
endif()
file(REMOVE_RECURSE
    "${CURRENT_PACKAGES_DIR}/debug/include"
    "${CURRENT_PACKAGES_DIR}/debug/share"
    "${CURRENT_PACKAGES_DIR}/share/doc"
)
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
