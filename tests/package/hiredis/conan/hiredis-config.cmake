# A stub of what Conan's CMakeDeps writes for hiredis with TLS: one target for each library of the
# package, and one for all of them.
find_library(STUB_STATIC libhiredis.a REQUIRED)
add_library(CONAN_LIB::hiredis_hiredislib STATIC IMPORTED)
set_target_properties(CONAN_LIB::hiredis_hiredislib PROPERTIES IMPORTED_LOCATION "${STUB_STATIC}")
add_library(hiredis::hiredis INTERFACE IMPORTED)
target_link_libraries(hiredis::hiredis INTERFACE CONAN_LIB::hiredis_hiredislib)
add_library(hiredis::hiredis_all_unofficial INTERFACE IMPORTED)
target_link_libraries(hiredis::hiredis_all_unofficial INTERFACE hiredis::hiredis)
