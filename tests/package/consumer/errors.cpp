// A user who handles what goes wrong: errors that are thrown inside the library are caught outside,
// by their own types and by their base, and codes that were made inside compare with those of here.
#include <iostream>
#include <memory>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>
#include <leaselock/redis.hpp>

namespace {

int failures = 0;

void expect(bool good, const char* what) {
    if (good) return;
    std::cout << "not so: " << what << '\n';
    ++failures;
}

template <class Caught, class Call>
void expect_thrown(leaselock::Errc code, const char* what, Call call) {
    bool caught = false;
    try {
        call();
    } catch (const Caught& error) {
        caught = error.code() == code;
    } catch (...) {
    }
    expect(caught, what);
}

}  // namespace

int main() {
    using leaselock::Errc;
    const auto bad_url = [] { (void)leaselock::make_redis_backend({.url = "nonsense"}); };
    expect_thrown<leaselock::LockError>(Errc::invalid_url, "LockError is caught", bad_url);
    expect_thrown<leaselock::Error>(Errc::invalid_url, "Error is caught", bad_url);
    expect_thrown<std::system_error>(Errc::invalid_url, "system_error is caught", bad_url);

    const auto backend = std::make_shared<leaselock::MemoryBackend>();
    leaselock::LockManager locks;
    locks.register_backend("mine", backend);
    locks.set_default_backend("mine");
    leaselock::ScopedDistributedLock first{locks, "task:42"};
    expect_thrown<leaselock::LockNotAcquired>(Errc::held, "LockNotAcquired is caught", [&] {
        leaselock::ScopedDistributedLock second{locks, "task:42"};
    });
    (void)first.release();
    expect_thrown<leaselock::LockLost>(Errc::lost, "LockLost is caught", [&] { first.ensure(); });
    expect_thrown<leaselock::LockError>(Errc::invalid_template, "a bad template is caught",
                                        [] { (void)leaselock::KeyTemplate::parse("{{"); });

    std::error_code why;
    auto redis = leaselock::connect("redis://127.0.0.1:1", {}, why);
    expect(redis.has_value() && !why, "connect does no I/O");
    const auto lock = redis->acquire("task:42", {}, why);
    expect(!lock, "nobody listens");
    expect(why == Errc::connect_failed && why == leaselock::Family::unavailable,
           "the code says so");
    return failures;
}
