// A user of the Hazelcast backend, without a cluster: nobody listens on port 1, and it has to say
// so.
#include <iostream>
#include <system_error>

#include <leaselock/hazelcast.hpp>
#include <leaselock/leaselock.hpp>

int main() {
    leaselock::LockManager locks = leaselock::connect("hazelcast://127.0.0.1:1");
    std::error_code error;
    const auto lock = locks.acquire("task:42", {}, error);
    std::cout << error << ": " << error.message() << '\n';
    return !lock && error == leaselock::Errc::connect_failed ? 0 : 1;
}
