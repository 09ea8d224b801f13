# A stub of what vcpkg installs for a static triplet.
find_library(STUB_STATIC libhiredis.a REQUIRED)
add_library(hiredis::hiredis STATIC IMPORTED)
set_target_properties(hiredis::hiredis PROPERTIES IMPORTED_LOCATION "${STUB_STATIC}")
