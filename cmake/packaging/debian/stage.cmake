# Runs in cpack, before the packages are made: what Debian asks of each, and a build for others does not install.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)

# stage(<directory that cpack has filled> <package>)
function(stage directory package)
    set(root "${CPACK_TEMPORARY_DIRECTORY}/${directory}${CPACK_PACKAGING_INSTALL_PREFIX}")
    if(NOT IS_DIRECTORY "${root}")
        return()
    endif()
    set(doc "${root}/share/doc/${package}")
    file(WRITE "${doc}/copyright"
        "Copyright (C) 2026 the authors of leaselock\n\n"
        "Licensed under the Apache License, Version 2.0. On Debian systems its text is in\n"
        "/usr/share/common-licenses/Apache-2.0.\n")
    file(WRITE "${doc}/changelog"
        "leaselock (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n"
        "  * See the changelog of leaselock ${CPACK_PACKAGE_VERSION} in its sources.\n\n"
        " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
    execute_process(COMMAND gzip -9n "${doc}/changelog" COMMAND_ERROR_IS_FATAL ANY)
    file(GLOB pages "${root}/share/man/man1/*.1")
    foreach(page IN LISTS pages)
        execute_process(COMMAND gzip -9n "${page}" COMMAND_ERROR_IS_FATAL ANY)
        # The command is two programs.
        file(CREATE_LINK leaselock.1.gz "${root}/share/man/man1/leaselock-full.1.gz" SYMBOLIC)
    endforeach()
    file(GLOB_RECURSE staged "${doc}/*")
    file(CHMOD ${staged} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

stage(runtime "${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME}")
stage(dev "${CPACK_DEBIAN_DEV_PACKAGE_NAME}")
stage(tools "${CPACK_DEBIAN_TOOLS_PACKAGE_NAME}")
