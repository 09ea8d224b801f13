// expect: leaselock needs exceptions: compile without -fno-exceptions
// flags: -fno-exceptions
#include <leaselock/leaselock.hpp>
