# leaselock_compile_as_component(<target>): how the sources of components are compiled.
function(leaselock_compile_as_component target)
    set_target_properties(${target} PROPERTIES
        POSITION_INDEPENDENT_CODE ON
        CXX_VISIBILITY_PRESET hidden
        VISIBILITY_INLINES_HIDDEN ON
        CXX_EXTENSIONS OFF)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src")
    # A static of ours must not end before those of a program: see src/base/undying.hpp. A symbol that is
    # unique in the process keeps a plugin with leaselock inside it loaded for ever; clang makes none.
    target_compile_options(${target} PRIVATE
        "$<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>"
        "$<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wexit-time-destructors;-Wglobal-constructors>")
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:leaselock_compile_options>)
endfunction()

# leaselock_compile_by_rooms(<target> <source>...): a unity build has one piece for each folder of src/,
# so names of an unnamed namespace must not meet in a folder. A project that takes our sources in gets
# one without asking: it takes a third of the time. CMAKE_UNITY_BUILD=OFF is one source at a time.
function(leaselock_compile_by_rooms target)
    list(FILTER ARGN EXCLUDE REGEX "^\\$<")
    foreach(source IN LISTS ARGN)
        cmake_path(GET source PARENT_PATH room)
        set_source_files_properties(${source} PROPERTIES UNITY_GROUP "${room}")
    endforeach()
    set_target_properties(${target} PROPERTIES UNITY_BUILD_MODE GROUP)
    if(NOT PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_UNITY_BUILD)
        set_target_properties(${target} PROPERTIES UNITY_BUILD ON)
    endif()
endfunction()

# leaselock_add_component(<name> [SOURCES ...] HEADERS ... [OPTIONAL_HEADERS ...] [PUBLIC ...] [PRIVATE ...])
#
# Declares one component: target leaselock_<name>, to be used as leaselock::<name> (the core is
# target leaselock, leaselock::leaselock). Without SOURCES it is an INTERFACE library. HEADERS are
# relative to include/; they are installed with this component alone, and each is compiled alone by
# the target all_verify_interface_header_sets. So are OPTIONAL_HEADERS, but for being compiled: they
# include what the component does not need. What programs need to run, shared libraries, is installed
# with <name>_runtime.
function(leaselock_add_component name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;OPTIONAL_HEADERS;PUBLIC;PRIVATE")
    if(name STREQUAL "core")
        set(target leaselock)
        set(export_name leaselock)
    else()
        set(target leaselock_${name})
        set(export_name ${name})
    endif()
    list(TRANSFORM arg_HEADERS PREPEND "${PROJECT_SOURCE_DIR}/include/")
    list(TRANSFORM arg_OPTIONAL_HEADERS PREPEND "${PROJECT_SOURCE_DIR}/include/")

    if(arg_SOURCES)
        set(scope PUBLIC)
        add_library(${target} ${arg_SOURCES})
        set_target_properties(${target} PROPERTIES
            VERSION ${PROJECT_VERSION}
            SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
        if(BUILD_SHARED_LIBS)
            # Nor does it show what it took from static libraries of others.
            target_link_options(${target} PRIVATE "LINKER:--exclude-libs,ALL")
        endif()
        leaselock_compile_as_component(${target})
        leaselock_compile_by_rooms(${target} ${arg_SOURCES})
        target_link_libraries(${target}
            PRIVATE ${arg_PRIVATE})
    else()
        set(scope INTERFACE)
        add_library(${target} INTERFACE)
    endif()
    add_library(leaselock::${export_name} ALIAS ${target})
    target_sources(${target} ${scope}
        FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${arg_HEADERS}
        FILE_SET optional TYPE HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include"
        FILES ${arg_OPTIONAL_HEADERS})
    target_link_libraries(${target} ${scope} ${arg_PUBLIC})
    target_compile_features(${target} ${scope} cxx_std_20)
    set_target_properties(${target} PROPERTIES
        EXPORT_NAME ${export_name}
        CXX_EXTENSIONS OFF
        VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL}
        INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)

    if(LEASELOCK_INSTALL)
        install(TARGETS ${target} EXPORT leaselock-${name}
            FILE_SET HEADERS COMPONENT ${name}
            FILE_SET optional COMPONENT ${name}
            ARCHIVE COMPONENT ${name}
            LIBRARY COMPONENT ${name}_runtime NAMELINK_COMPONENT ${name}
            RUNTIME COMPONENT ${name}_runtime)
        install(EXPORT leaselock-${name} FILE leaselock-${name}.cmake NAMESPACE leaselock::
            DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/leaselock" COMPONENT ${name})
    endif()
endfunction()
