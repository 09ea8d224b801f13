# Installs the main build into a clean prefix, and the core's component and the tools' each alone into
# another one, which must then have nothing of the others.
file(REMOVE_RECURSE
    "${WORK_DIR}/installed" "${WORK_DIR}/component_core" "${WORK_DIR}/component_tools")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${WORK_DIR}/installed"
    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD_DIR}"
    --prefix "${WORK_DIR}/component_core" --component core
    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD_DIR}"
    --prefix "${WORK_DIR}/component_tools" --component tools
    COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)

file(GLOB_RECURSE foreign "${WORK_DIR}/component_core/*redis*" "${WORK_DIR}/component_core/*/testing/*")
if(foreign)
    message(FATAL_ERROR "the component core brings files of other components: ${foreign}")
endif()
if(NOT EXISTS "${WORK_DIR}/component_core/include/leaselock/leaselock.hpp")
    message(FATAL_ERROR "the component core lacks leaselock/leaselock.hpp")
endif()
