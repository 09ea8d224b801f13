// Cases of the conformance suite: one answer is late, and all others come meanwhile. Nobody waits
// for the answer to another's question, whatever it asks, and however it is asked.
#pragma once

#include <algorithm>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/lock_manager.hpp>
#include <leaselock/testing/detail/conformance_calls.hpp>
#include <leaselock/testing/detail/conformance_case.hpp>
#include <leaselock/testing/detail/conformance_manager.hpp>
#include <leaselock/testing/detail/granted.hpp>
#include <leaselock/testing/fault_backend.hpp>

namespace leaselock::testing::detail {

// A backend which gives one answer late, and a manager on it. The key of the late one is "late".
class LateWorld {
  public:
    explicit LateWorld(BackendFixture& fixture) : fixture_{fixture} {}
    LateWorld(const LateWorld&) = delete;
    LateWorld& operator=(const LateWorld&) = delete;
    // A case that fails leaves nobody waiting.
    ~LateWorld() { backend->let_go(); }

    void hold_back(Verb verb) {
        backend->hold_back([verb, key = late_key](const Request& request) {
            return request.verb == verb && request.key == key;
        });
    }
    [[nodiscard]] bool is_held_back() {
        return settle_until(fixture_, 10s, [&] { return backend->holds_back(); });
    }
    // Of renewals of that lock until now.
    [[nodiscard]] std::ptrdiff_t renewals(std::string_view name) const {
        const std::string key = key_of(fixture_, name);
        const auto records = backend->records();
        return std::count_if(records.begin(), records.end(), [&](const auto& each) {
            return each.verb == Verb::renew && each.key == key;
        });
    }
    // A caller asks something else, each in its own way, and leaves nothing behind.
    template <class Calls>
    void expect_others_go_on() {
        auto lock = Calls::acquire(manager, "other", {.ttl = long_term});
        ASSERT_TRUE(lock.has_value());
        lock->extend(long_term);
        EXPECT_TRUE(manager.inspect("other").held);
        EXPECT_EQ(Calls::release(*lock), ReleaseResult::released);
        EXPECT_TRUE(backend->holds_back()) << "that one waited for the others";
    }
    void expect_renewals_go_on(std::string_view name) {
        const std::ptrdiff_t before = renewals(name);
        EXPECT_TRUE(settle_until(fixture_, 10 * fixture_.term(),
                                 [&] { return renewals(name) >= before + 3; }));
    }

  private:
    BackendFixture& fixture_;

  public:
    const std::shared_ptr<FaultBackend> backend = std::make_shared<FaultBackend>(fixture_.make());
    LockManager manager = manager_of(fixture_, "first:1", backend);
    const std::string late_key = key_of(fixture_, "late");
};

// Whatever is asked there, the backend and a manager go on elsewhere; then the answer comes.
inline void expect_late_answer_holds_up_nobody(BackendFixture& fixture, Verb verb, Outcome answer) {
    LateWorld world{fixture};
    const std::string token = new_token();
    if (verb == Verb::renew || verb == Verb::release) {
        ASSERT_EQ(Client{fixture}.acquire(world.late_key, token).outcome, Outcome::granted);
    }
    const auto renewed = Blocking::acquire(world.manager, "renewed", {.ttl = fixture.term()});
    ASSERT_TRUE(renewed.has_value());
    world.hold_back(verb);
    Operation late{{.verb = verb,
                    .key = world.late_key,
                    .prefix = fixture.prefix().size(),
                    .token = verb == Verb::inspect ? std::string_view{} : token,
                    .ttl = long_term,
                    .submitted = fixture.clock()->now()}};
    world.backend->submit(late);
    ASSERT_TRUE(world.is_held_back());
    world.expect_others_go_on<Blocking>();
    world.expect_others_go_on<Awaited>();
    world.expect_renewals_go_on("renewed");
    EXPECT_TRUE(renewed->owns_lock());
    EXPECT_FALSE(late.done());
    world.backend->let_go();
    EXPECT_TRUE(late.done());
    EXPECT_EQ(late.reply.outcome, answer);
}

inline constexpr Case<BackendFixture> delay_cases[] = {
    {"LateAnswerToAnAcquireHoldsUpNobody",
     [](BackendFixture& fixture) {
         expect_late_answer_holds_up_nobody(fixture, Verb::acquire, Outcome::granted);
     }},
    {"LateAnswerToARenewHoldsUpNobody",
     [](BackendFixture& fixture) {
         expect_late_answer_holds_up_nobody(fixture, Verb::renew, Outcome::renewed);
     },
     {},
     of_tokens},
    {"LateAnswerToAReleaseHoldsUpNobody",
     [](BackendFixture& fixture) {
         expect_late_answer_holds_up_nobody(fixture, Verb::release, Outcome::released);
     },
     {},
     of_tokens},
    {"LateAnswerToAnInspectHoldsUpNobody",
     [](BackendFixture& fixture) {
         expect_late_answer_holds_up_nobody(fixture, Verb::inspect, Outcome::free);
     }},
    {"CancelEndsAnOperationWhoseAnswerIsLate",
     [](BackendFixture& fixture) {
         LateWorld world{fixture};
         const std::string token = new_token();
         world.hold_back(Verb::acquire);
         Operation late{{.verb = Verb::acquire,
                         .key = world.late_key,
                         .prefix = fixture.prefix().size(),
                         .token = token,
                         .ttl = long_term,
                         .submitted = fixture.clock()->now()}};
         world.backend->submit(late);
         ASSERT_TRUE(world.is_held_back());
         world.backend->cancel(late);
         ASSERT_TRUE(late.done()) << "at once";
         EXPECT_EQ(late.reply.outcome, Outcome::failed);
         EXPECT_EQ(family(late.reply.error), Family::unknown);
         // It was done all the same, and its token still ends it.
         EXPECT_EQ(Client{fixture}.release(world.late_key, token).outcome, Outcome::released);
     },
     {},
     of_tokens},
};

template <class Calls>
inline constexpr Case<BackendFixture> delay_manager_cases[] = {
    {"AcquireWithALateAnswerHoldsUpNoOtherCall",
     [](BackendFixture& fixture) {
         LateWorld world{fixture};
         const auto renewed = Calls::acquire(world.manager, "renewed", {.ttl = fixture.term()});
         ASSERT_TRUE(renewed.has_value());
         world.hold_back(Verb::acquire);
         auto call = std::async(std::launch::async, [&] {
             return Calls::acquire(world.manager, "late", {.ttl = long_term});
         });
         ASSERT_TRUE(world.is_held_back());
         world.template expect_others_go_on<Calls>();
         world.expect_renewals_go_on("renewed");
         EXPECT_TRUE(renewed->owns_lock());
         EXPECT_EQ(call.wait_for(0ms), std::future_status::timeout);
         world.backend->let_go();
         EXPECT_TRUE(granted(call.get()));
     },
     {},
     of_tokens},
    {"RenewalWithALateAnswerHoldsUpNoOther",
     [](BackendFixture& fixture) {
         LateWorld world{fixture};
         // A renewal is waited for as long as there is time for it: the other's lease is over then.
         const auto late = Calls::acquire(world.manager, "late", {.ttl = 2 * fixture.term()});
         const auto other = Calls::acquire(world.manager, "renewed", {.ttl = fixture.term()});
         ASSERT_TRUE(late.has_value() && other.has_value());
         world.hold_back(Verb::renew);
         ASSERT_TRUE(world.is_held_back());
         world.template expect_others_go_on<Calls>();
         world.expect_renewals_go_on("renewed");
         EXPECT_TRUE(other->owns_lock());
     }},
    {"ReleaseByADestructorWithALateAnswerHoldsUpNobody",
     [](BackendFixture& fixture) {
         LateWorld world{fixture};
         const auto renewed = Calls::acquire(world.manager, "renewed", {.ttl = fixture.term()});
         auto late = Calls::acquire(world.manager, "late", {.ttl = long_term});
         ASSERT_TRUE(late.has_value() && renewed.has_value());
         world.hold_back(Verb::release);
         auto end = std::async(std::launch::async, [&] { late.reset(); });
         ASSERT_EQ(end.wait_for(10s), std::future_status::ready);
         ASSERT_TRUE(world.is_held_back());
         world.template expect_others_go_on<Calls>();
         world.expect_renewals_go_on("renewed");
         EXPECT_TRUE(renewed->owns_lock());
     }},
    {"StopTokenEndsACallWhoseAnswerIsLate",
     [](BackendFixture& fixture) {
         LateWorld world{fixture};
         world.hold_back(Verb::acquire);
         std::stop_source source;
         std::error_code ec;
         auto call = std::async(std::launch::async, [&] {
             (void)Calls::acquire(world.manager, "late", {.ttl = long_term}, ec,
                                  source.get_token());
         });
         ASSERT_TRUE(world.is_held_back());
         source.request_stop();
         settle_while_running(fixture, call);
         call.get();
         EXPECT_EQ(ec, Errc::cancelled);
         // It may have been granted, so it is given back.
         EXPECT_TRUE(settle_until(
             fixture, 10s, [&] { return fixture.raw_holder(world.late_key) == std::nullopt; }));
     }},
};

}  // namespace leaselock::testing::detail
