// expect: leaselock needs std::stop_token
// flags: -IHERE/no_stop_token
#include <leaselock/leaselock.hpp>
