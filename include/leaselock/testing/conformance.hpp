// The contract of a Backend (leaselock/backend.hpp) as a GoogleTest suite. For whoever writes a
// backend; component `testing`, target leaselock::testing. In a test program of yours:
//
//     class MyFixture : public leaselock::testing::BackendFixture { ... };
//     LEASELOCK_CONFORMANCE_SUITE(MyStore, [] { return std::make_unique<MyFixture>(); });
//
// makes the tests MyStore.AcquireOfAFreeKeyIsGranted and so on, each with a fixture of its own. A
// store behind a link derives from LinkFixture and has a second line of the same form,
// LEASELOCK_LINK_CONFORMANCE_SUITE: what happens when the link breaks, and heals. One that has a
// queue has another, LEASELOCK_QUEUE_CONFORMANCE_SUITE: whoever waits gets the lock in his turn.
//
// A store with shares has LEASELOCK_SHARE_CONFORMANCE_SUITE, and with a queue beside them
// LEASELOCK_SHARE_QUEUE_CONFORMANCE_SUITE: readers, writers, permits, latches.
//
// The cases that ask a LockManager come in two ways, since it uses a backend in two: by blocking
// calls, which drive the backend on their own thread, and by coroutines, for all of which one
// thread does. The suites above ask by blocking calls; for each of them there is one that asks the
// same by async_acquire and async_release,
//
//     LEASELOCK_ASYNC_CONFORMANCE_SUITE(MyStoreAsync, [] { return std::make_unique<MyFixture>();
//     });
//
// and LEASELOCK_ASYNC_QUEUE_CONFORMANCE_SUITE, LEASELOCK_ASYNC_LINK_CONFORMANCE_SUITE,
// LEASELOCK_ASYNC_SHARE_CONFORMANCE_SUITE and LEASELOCK_ASYNC_SHARE_QUEUE_CONFORMANCE_SUITE. They
// leave out the cases that ask the backend itself, in which there is nothing to wait for by a
// coroutine. A backend that has all of these tests green can be used with a LockManager.
//
// Time bounds are ten times the value they are about, so a slow machine does not fail them.
//
// Thread-safety: the macros are for namespace scope; GoogleTest runs the tests one by one.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <span>
#include <utility>

#include <leaselock/testing/backend_fixture.hpp>
#include <leaselock/testing/detail/conformance_faces.hpp>
#include <leaselock/testing/detail/conformance_latch.hpp>
#include <leaselock/testing/detail/conformance_lease.hpp>
#include <leaselock/testing/detail/conformance_link.hpp>
#include <leaselock/testing/detail/conformance_manager.hpp>
#include <leaselock/testing/detail/conformance_overview.hpp>
#include <leaselock/testing/detail/conformance_queue.hpp>
#include <leaselock/testing/detail/conformance_share.hpp>
#include <leaselock/testing/detail/conformance_share_manager.hpp>
#include <leaselock/testing/detail/conformance_share_queue.hpp>
#include <leaselock/testing/detail/conformance_store.hpp>
#include <leaselock/testing/detail/conformance_turn.hpp>

namespace leaselock::testing::detail {

// One case as a GoogleTest test.
template <class Fixture>
class ConformanceTest : public ::testing::Test {
  public:
    using Make = std::function<std::unique_ptr<Fixture>()>;
    ConformanceTest(Make make, Case<Fixture> what) : make_{std::move(make)}, case_{what} {}

    void TestBody() override {
        const std::unique_ptr<Fixture> fixture = make_();
        ASSERT_NE(fixture, nullptr);
        case_.run(*fixture);
    }

  private:
    Make make_;
    Case<Fixture> case_;
};

template <class Fixture>
void register_cases(const char* suite, const typename ConformanceTest<Fixture>::Make& make,
                    std::span<const Case<Fixture>> cases, const char* file, int line) {
    for (const Case<Fixture>& each : cases) {
        ::testing::RegisterTest(suite, each.name, nullptr, nullptr, file, line,
                                [make, each]() -> ::testing::Test* {
                                    return new ConformanceTest<Fixture>(make, each);
                                });
    }
}

template <class Make>
bool register_backend_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<BackendFixture>(suite, make, store_cases, file, line);
    register_cases<BackendFixture>(suite, make, lease_cases, file, line);
    register_cases<BackendFixture>(suite, make, manager_cases<Blocking>, file, line);
    register_cases<BackendFixture>(suite, make, overview_cases, file, line);
    register_cases<BackendFixture>(suite, make, face_cases, file, line);
    return true;
}
template <class Make>
bool register_queue_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<BackendFixture>(suite, make, queue_cases, file, line);
    register_cases<BackendFixture>(suite, make, turn_cases<Blocking>, file, line);
    return true;
}
template <class Make>
bool register_link_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<LinkFixture>(suite, make, link_cases, file, line);
    register_cases<LinkFixture>(suite, make, manager_link_cases<Blocking>, file, line);
    return true;
}
template <class Make>
bool register_share_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<BackendFixture>(suite, make, share_cases, file, line);
    register_cases<BackendFixture>(suite, make, share_manager_cases<Blocking>, file, line);
    register_cases<BackendFixture>(suite, make, latch_cases, file, line);
    register_cases<BackendFixture>(suite, make, latch_manager_cases<Blocking>, file, line);
    return true;
}
template <class Make>
bool register_share_queue_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<BackendFixture>(suite, make, share_queue_cases, file, line);
    register_cases<BackendFixture>(suite, make, latch_queue_cases, file, line);
    return true;
}
template <class Make>
bool register_async_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<BackendFixture>(suite, make, manager_cases<Awaited>, file, line);
    return true;
}
template <class Make>
bool register_async_share_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<BackendFixture>(suite, make, share_manager_cases<Awaited>, file, line);
    register_cases<BackendFixture>(suite, make, latch_manager_cases<Awaited>, file, line);
    return true;
}
template <class Make>
bool register_async_share_queue_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<BackendFixture>(suite, make, share_crowd_cases, file, line);
    return true;
}
template <class Make>
bool register_async_queue_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<BackendFixture>(suite, make, turn_cases<Awaited>, file, line);
    register_cases<BackendFixture>(suite, make, crowd_cases, file, line);
    return true;
}
template <class Make>
bool register_async_link_suite(const char* suite, const char* file, int line, Make make) {
    register_cases<LinkFixture>(suite, make, manager_link_cases<Awaited>, file, line);
    return true;
}

}  // namespace leaselock::testing::detail

// LEASELOCK_CONFORMANCE_SUITE(Name, make): `make()` gives a std::unique_ptr to a BackendFixture.
#define LEASELOCK_CONFORMANCE_SUITE(Name, ...)                                          \
    [[maybe_unused]] static const bool leaselock_conformance_##Name =                   \
        ::leaselock::testing::detail::register_backend_suite(#Name, __FILE__, __LINE__, \
                                                             __VA_ARGS__)

// LEASELOCK_QUEUE_CONFORMANCE_SUITE(Name, make): the same, for a backend with a queue. The name is
// another one than that of the suite above.
#define LEASELOCK_QUEUE_CONFORMANCE_SUITE(Name, ...)                  \
    [[maybe_unused]] static const bool leaselock_conformance_##Name = \
        ::leaselock::testing::detail::register_queue_suite(#Name, __FILE__, __LINE__, __VA_ARGS__)

// LEASELOCK_LINK_CONFORMANCE_SUITE(Name, make): `make()` gives a std::unique_ptr to a LinkFixture.
// The name is another one than those of the suites above.
#define LEASELOCK_LINK_CONFORMANCE_SUITE(Name, ...)                   \
    [[maybe_unused]] static const bool leaselock_conformance_##Name = \
        ::leaselock::testing::detail::register_link_suite(#Name, __FILE__, __LINE__, __VA_ARGS__)

// LEASELOCK_SHARE_CONFORMANCE_SUITE(Name, make), LEASELOCK_SHARE_QUEUE_CONFORMANCE_SUITE(Name,
// make): the same as the first, for a backend with shares, and with a queue for them. Names are
// other ones again.
#define LEASELOCK_SHARE_CONFORMANCE_SUITE(Name, ...)                  \
    [[maybe_unused]] static const bool leaselock_conformance_##Name = \
        ::leaselock::testing::detail::register_share_suite(#Name, __FILE__, __LINE__, __VA_ARGS__)
#define LEASELOCK_SHARE_QUEUE_CONFORMANCE_SUITE(Name, ...)                                  \
    [[maybe_unused]] static const bool leaselock_conformance_##Name =                       \
        ::leaselock::testing::detail::register_share_queue_suite(#Name, __FILE__, __LINE__, \
                                                                 __VA_ARGS__)

// The same five, for what asks a manager: by coroutines. Names are other ones again.
#define LEASELOCK_ASYNC_CONFORMANCE_SUITE(Name, ...)                  \
    [[maybe_unused]] static const bool leaselock_conformance_##Name = \
        ::leaselock::testing::detail::register_async_suite(#Name, __FILE__, __LINE__, __VA_ARGS__)
#define LEASELOCK_ASYNC_QUEUE_CONFORMANCE_SUITE(Name, ...)                                  \
    [[maybe_unused]] static const bool leaselock_conformance_##Name =                       \
        ::leaselock::testing::detail::register_async_queue_suite(#Name, __FILE__, __LINE__, \
                                                                 __VA_ARGS__)
#define LEASELOCK_ASYNC_SHARE_CONFORMANCE_SUITE(Name, ...)                                  \
    [[maybe_unused]] static const bool leaselock_conformance_##Name =                       \
        ::leaselock::testing::detail::register_async_share_suite(#Name, __FILE__, __LINE__, \
                                                                 __VA_ARGS__)
#define LEASELOCK_ASYNC_SHARE_QUEUE_CONFORMANCE_SUITE(Name, ...)                                  \
    [[maybe_unused]] static const bool leaselock_conformance_##Name =                             \
        ::leaselock::testing::detail::register_async_share_queue_suite(#Name, __FILE__, __LINE__, \
                                                                       __VA_ARGS__)
#define LEASELOCK_ASYNC_LINK_CONFORMANCE_SUITE(Name, ...)                                  \
    [[maybe_unused]] static const bool leaselock_conformance_##Name =                      \
        ::leaselock::testing::detail::register_async_link_suite(#Name, __FILE__, __LINE__, \
                                                                __VA_ARGS__)
