# A stub of what upstream's 1.1 installs: both libraries, each a target.
find_library(STUB_SHARED libhiredis.so REQUIRED)
find_library(STUB_STATIC libhiredis.a REQUIRED)
add_library(hiredis::hiredis SHARED IMPORTED)
set_target_properties(hiredis::hiredis PROPERTIES IMPORTED_LOCATION "${STUB_SHARED}")
add_library(hiredis::hiredis_static STATIC IMPORTED)
set_target_properties(hiredis::hiredis_static PROPERTIES IMPORTED_LOCATION "${STUB_STATIC}")
