// Goal: the start-up check tries each verb on a lock of its own, names those that fail, and does
// not take a backend that cannot be asked for a sound one. Method: a memory backend that fails as
// the test says and keeps a record, on a clock that the tests move.
#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <leaselock/memory_backend.hpp>

#include "unit/manager_world.hpp"

namespace leaselock {
namespace {

using namespace std::chrono_literals;
using Severity = Finding::Severity;
using Subjects = std::vector<std::string>;

Subjects subjects_of(const std::vector<Finding>& findings) {
    Subjects subjects;
    for (const Finding& finding : findings) subjects.push_back(finding.subject);
    return subjects;
}

// The world's store refuses that verb from now on.
void refuse(const ManagerWorld& world, Verb verb, Errc error) {
    testing::FaultBackend& store = *world.backend;
    store.heal();
    store.on_help([&store, verb, error](const Request& request) {
        if (request.verb == verb) store.fail_next({.error = error});
    });
}

// A store with something to say about itself.
class ToldStore final : public Backend {
  public:
    using Backend::submit;

    void submit(std::span<Operation* const> operations) noexcept override {
        inner_.submit(operations);
    }
    void examine(std::vector<Finding>& findings) override {
        findings.push_back({Severity::hint, "paint", "grey", "paint it"});
    }

  private:
    MemoryBackend inner_;
};

TEST(Check, FindsNothingAmissWithTheMemoryBackend) {
    LockManager locks;
    EXPECT_EQ(subjects_of(locks.check()), Subjects{});
}

TEST(Check, TriesEachVerbOnAKeyOfItsOwnAndLeavesItFree) {
    ManagerWorld world;
    EXPECT_EQ(subjects_of(world.manager.check()), Subjects{});
    const auto records = world.backend->records();
    const std::vector verbs{Verb::acquire, Verb::inspect, Verb::renew,   Verb::acquire,
                            Verb::release, Verb::release, Verb::release, Verb::acquire,
                            Verb::inspect, Verb::renew,   Verb::acquire, Verb::release,
                            Verb::release, Verb::release};
    ASSERT_EQ(records.size(), verbs.size());
    const std::string under = "hazel:lock:leaselock-check:";
    for (std::size_t i = 0; i < verbs.size(); ++i) {
        EXPECT_EQ(records[i].verb, verbs[i]);
        EXPECT_EQ(records[i].key, records.front().key);
        EXPECT_LE(records[i].ttl, 1min);
    }
    EXPECT_EQ(records.front().key.rfind(under, 0), 0U) << records.front().key;
    EXPECT_FALSE(world.manager.inspect(records.front().key.substr(11)).held);
    (void)world.manager.check();
    EXPECT_NE(world.backend->records().back().key, records.front().key);
}

// The world's store as one without shares, which promises that or does not.
class Unshared final : public Backend {
  public:
    explicit Unshared(const Guarantees& promised) : promised_{promised} {}

    using Backend::submit;

    [[nodiscard]] Guarantees guarantees() const noexcept override { return promised_; }
    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const each : operations) {
            if (each->request.claim.is_exclusive()) {
                inner_.submit(*each);
            } else {
                each->fail(Errc::not_supported, "no shares");
            }
        }
    }
    void forget(Listener& listener) noexcept override { inner_.forget(listener); }

  private:
    const Guarantees promised_;
    MemoryBackend inner_;
};

TEST(Check, HoldsAStoreToWhatItPromisesAndToNoMore) {
    ManagerWorld modest{ManagerWorld::Sleep::self_advancing,
                        std::make_shared<Unshared>(Guarantees{})};
    EXPECT_EQ(subjects_of(modest.manager.check()), Subjects{});
    ManagerWorld lying{ManagerWorld::Sleep::self_advancing,
                       std::make_shared<Unshared>(Guarantees{.shares = true})};
    const std::vector<Finding> findings = lying.manager.check();
    ASSERT_FALSE(findings.empty());
    EXPECT_EQ(findings.front().subject, "acquire");
    EXPECT_EQ(findings.front().severity, Severity::problem);
}

TEST(Check, NamesEachVerbThatIsRefusedOnce) {
    const std::vector<std::pair<Verb, std::string>> verbs{{Verb::acquire, "acquire"},
                                                          {Verb::inspect, "inspect"},
                                                          {Verb::renew, "renew"},
                                                          {Verb::release, "release"}};
    for (const auto& [verb, name] : verbs) {
        ManagerWorld world;
        refuse(world, verb, Errc::access_denied);
        const std::vector<Finding> findings = world.manager.check();
        ASSERT_EQ(subjects_of(findings), Subjects{name});
        EXPECT_EQ(findings.front().severity, Severity::problem);
        EXPECT_NE(findings.front().found.find("made to fail"), std::string::npos);
        EXPECT_NE(findings.front().advice.find("rights"), std::string::npos);
        // A right on other keys is the most frequent one that is wrong.
        EXPECT_NE(findings.front().advice.find("'hazel:lock:'"), std::string::npos);
    }
}

TEST(Check, TakesForAFindingWhatTheBackendSaysOfSuchCommands) {
    for (const Errc error : {Errc::invalid_key, Errc::corrupt, Errc::not_supported, Errc::read_only,
                             Errc::out_of_memory, Errc::not_enough_replicas, Errc::misconfigured,
                             Errc::cluster_down}) {
        ManagerWorld world;
        refuse(world, Verb::acquire, error);
        EXPECT_EQ(subjects_of(world.manager.check()), Subjects{"acquire"})
            << make_error_code(error).message();
    }
}

TEST(Check, BackendThatCannotBeAskedIsAnErrorAndNoFinding) {
    for (const Errc error :
         {Errc::connect_failed, Errc::authentication_failed, Errc::tls_failed, Errc::loading,
          Errc::busy, Errc::command_timed_out, Errc::connection_lost, Errc::unexpected_reply}) {
        for (const Verb verb : {Verb::acquire, Verb::release}) {
            ManagerWorld world;
            refuse(world, verb, error);
            std::error_code ec;
            EXPECT_EQ(subjects_of(world.manager.check({}, ec)), Subjects{});
            EXPECT_EQ(ec, error);
            try {
                (void)world.manager.check();
                ADD_FAILURE() << "no error for " << make_error_code(error).message();
            } catch (const LockError& thrown) {
                EXPECT_EQ(thrown.code(), error);
                EXPECT_NE(std::string(thrown.what()).find("made to fail"), std::string::npos);
            }
        }
    }
}

TEST(Check, TellsWhereALockThatWasJustAcquiredIsGone) {
    ManagerWorld world;
    world.backend->on_help([&world](const Request& request) {
        if (request.verb == Verb::inspect) world.clock->advance(1h);
    });
    const std::vector<Finding> findings = world.manager.check();
    ASSERT_EQ(subjects_of(findings), Subjects{"renew"});
    EXPECT_EQ(findings.front().severity, Severity::problem);
}

TEST(Check, AsksTheBackendOfThatNameWhatItSaysOfItself) {
    LockManager locks;
    locks.register_backend("told",
                           std::make_shared<testing::FaultBackend>(std::make_shared<ToldStore>()));
    EXPECT_EQ(subjects_of(locks.check("told")), Subjects{"paint"});
    EXPECT_EQ(subjects_of(locks.check()), Subjects{});
    std::error_code ec = Errc::busy;
    EXPECT_EQ(subjects_of(locks.check("told", ec)), Subjects{"paint"});
    EXPECT_FALSE(ec);
}

TEST(Check, RefusesANameThatNobodyRegisteredAndFixesTheRegistry) {
    LockManager locks;
    std::error_code ec;
    EXPECT_EQ(subjects_of(locks.check("nobody", ec)), Subjects{});
    EXPECT_EQ(ec, Errc::unknown_backend);
    EXPECT_THROW((void)locks.check("nobody"), LockError);
    locks.register_backend("late", std::make_shared<MemoryBackend>(), ec);
    EXPECT_EQ(ec, Errc::registry_frozen);
}

}  // namespace
}  // namespace leaselock
