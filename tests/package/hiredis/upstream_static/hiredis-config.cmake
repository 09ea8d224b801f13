# A stub of what upstream's 1.1 installs where somebody took the shared library out.
find_library(STUB_STATIC libhiredis.a REQUIRED)
add_library(hiredis::hiredis_static STATIC IMPORTED)
set_target_properties(hiredis::hiredis_static PROPERTIES IMPORTED_LOCATION "${STUB_STATIC}")
