// The contract of a Backend (leaselock/backend.hpp) as a GoogleTest suite. For authors of a
// backend; component `testing`, target leaselock::testing. In a test program of yours:
//
//     class MyFixture : public leaselock::testing::BackendFixture { ... };
//     LEASELOCK_CONFORMANCE_SUITE(MyStore, [] { return std::make_unique<MyFixture>(); });
//
// makes the tests MyStore.AcquireOfAFreeKeyIsGranted and so on, each with a fixture of its own.
// Which of them mean something to a store its Backend::guarantees() says: what it promises is
// tested. What it does not promise it refuses with Errc::not_supported (shares, latches, min_hold,
// list) or does not do (a queue, messages); then the case passes without a further check. A store
// that does it in spite of that is held to it, too. No case can show `exclusion`: that takes a
// server that fails.
//
// Some cases delay one answer of the backend (FaultBackend::hold_back) while all others must come.
//
// The cases that ask a LockManager come in two ways, since it uses a backend in two: by blocking
// calls, whose thread may help, and by coroutines, for all of which one thread does. The suite
// above asks by blocking calls; the same by async_acquire and async_release is
//
//     LEASELOCK_ASYNC_CONFORMANCE_SUITE(Async, [] { return std::make_unique<MyFixture>(); });
//
// which leaves out the cases that ask the backend itself, in which there is nothing to wait for by
// a coroutine. A store behind a link derives from LinkFixture and has two further lines of the same
// form, LEASELOCK_LINK_CONFORMANCE_SUITE and LEASELOCK_ASYNC_LINK_CONFORMANCE_SUITE: what happens
// when the link breaks, and heals. A backend that has all of these tests green can be used with a
// LockManager.
//
// Time bounds are ten times the value they are about, so a slow machine does not fail them; and
// each case ends, also where the store's leases never do. An operation has to be completed, though.
//
// Thread-safety: the macros are for namespace scope; GoogleTest runs the tests one by one.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <span>
#include <utility>

#include <leaselock/testing/backend_fixture.hpp>
#include <leaselock/testing/detail/conformance_admin.hpp>
#include <leaselock/testing/detail/conformance_delay.hpp>
#include <leaselock/testing/detail/conformance_faces.hpp>
#include <leaselock/testing/detail/conformance_latch.hpp>
#include <leaselock/testing/detail/conformance_lease.hpp>
#include <leaselock/testing/detail/conformance_link.hpp>
#include <leaselock/testing/detail/conformance_manager.hpp>
#include <leaselock/testing/detail/conformance_promises.hpp>
#include <leaselock/testing/detail/conformance_queue.hpp>
#include <leaselock/testing/detail/conformance_share.hpp>
#include <leaselock/testing/detail/conformance_share_manager.hpp>
#include <leaselock/testing/detail/conformance_share_queue.hpp>
#include <leaselock/testing/detail/conformance_store.hpp>
#include <leaselock/testing/detail/conformance_turn.hpp>

namespace leaselock::testing::detail {

// One case as a GoogleTest test. `needs` is what all cases of its kind need.
template <class Fixture>
class ConformanceTest : public ::testing::Test {
  public:
    using Make = std::function<std::unique_ptr<Fixture>()>;
    ConformanceTest(Make make, Case<Fixture> what, const Guarantees& needs)
        : make_{std::move(make)}, case_{what}, needs_{needs} {}

    void TestBody() override {
        const std::unique_ptr<Fixture> fixture = make_();
        ASSERT_NE(fixture, nullptr);
        if (case_.of_tokens && !fixture->keeps_tokens()) return;
        if (does(*fixture, needs_) && does(*fixture, case_.needs)) case_.run(*fixture);
    }

  private:
    Make make_;
    Case<Fixture> case_;
    Guarantees needs_;
};

// Adds cases to one suite.
template <class Fixture>
class Suite {
  public:
    using Make = typename ConformanceTest<Fixture>::Make;
    Suite(const char* name, const char* file, int line, Make make)
        : name_{name}, file_{file}, line_{line}, make_{std::move(make)} {}

    void add(std::span<const Case<Fixture>> cases, const Guarantees& needs = {}) {
        for (const Case<Fixture>& each : cases) {
            ::testing::RegisterTest(name_, each.name, nullptr, nullptr, file_, line_,
                                    [make = make_, each, needs]() -> ::testing::Test* {
                                        return new ConformanceTest<Fixture>(make, each, needs);
                                    });
        }
    }

  private:
    const char* name_;
    const char* file_;
    int line_;
    Make make_;
};

inline constexpr Guarantees queueing{.notified = true, .fair = true};
inline constexpr Guarantees sharing{.shares = true};
inline constexpr Guarantees sharing_queue{.notified = true, .fair = true, .shares = true};
inline constexpr Guarantees counting_down{.latches = true};
inline constexpr Guarantees counting_queue{.notified = true, .fair = true, .latches = true};

// What asks a manager, by these calls.
template <class Calls>
void add_calls(Suite<BackendFixture>& suite) {
    suite.add(manager_cases<Calls>);
    suite.add(delay_manager_cases<Calls>);
    suite.add(turn_cases<Calls>, queueing);
    suite.add(share_manager_cases<Calls>, sharing);
    suite.add(latch_manager_cases<Calls>, counting_down);
}

inline bool register_suite(const char* name, const char* file, int line,
                           const ConformanceTest<BackendFixture>::Make& make) {
    Suite<BackendFixture> suite{name, file, line, make};
    suite.add(store_cases);
    suite.add(lease_cases);
    suite.add(delay_cases);
    suite.add(promise_cases);
    suite.add(admin_cases);
    suite.add(face_cases);
    suite.add(queue_cases, queueing);
    suite.add(share_cases, sharing);
    suite.add(share_queue_cases, sharing_queue);
    suite.add(latch_cases, counting_down);
    suite.add(latch_queue_cases, counting_queue);
    add_calls<Blocking>(suite);
    return true;
}
inline bool register_async_suite(const char* name, const char* file, int line,
                                 const ConformanceTest<BackendFixture>::Make& make) {
    Suite<BackendFixture> suite{name, file, line, make};
    suite.add(crowd_cases, queueing);
    suite.add(share_crowd_cases, sharing_queue);
    add_calls<Awaited>(suite);
    return true;
}
inline bool register_link_suite(const char* name, const char* file, int line,
                                const ConformanceTest<LinkFixture>::Make& make) {
    Suite<LinkFixture> suite{name, file, line, make};
    suite.add(link_cases);
    suite.add(manager_link_cases<Blocking>);
    return true;
}
inline bool register_async_link_suite(const char* name, const char* file, int line,
                                      const ConformanceTest<LinkFixture>::Make& make) {
    Suite<LinkFixture> suite{name, file, line, make};
    suite.add(manager_link_cases<Awaited>);
    return true;
}

}  // namespace leaselock::testing::detail

#define LEASELOCK_DETAIL_SUITE(Name, kind, ...)                       \
    [[maybe_unused]] static const bool leaselock_conformance_##Name = \
        ::leaselock::testing::detail::register_##kind(#Name, __FILE__, __LINE__, __VA_ARGS__)

// `make()` gives a std::unique_ptr to a BackendFixture, for the two with a link to a LinkFixture.
// Each name is another one.
#define LEASELOCK_CONFORMANCE_SUITE(Name, ...) LEASELOCK_DETAIL_SUITE(Name, suite, __VA_ARGS__)
#define LEASELOCK_ASYNC_CONFORMANCE_SUITE(Name, ...) \
    LEASELOCK_DETAIL_SUITE(Name, async_suite, __VA_ARGS__)
#define LEASELOCK_LINK_CONFORMANCE_SUITE(Name, ...) \
    LEASELOCK_DETAIL_SUITE(Name, link_suite, __VA_ARGS__)
#define LEASELOCK_ASYNC_LINK_CONFORMANCE_SUITE(Name, ...) \
    LEASELOCK_DETAIL_SUITE(Name, async_link_suite, __VA_ARGS__)
