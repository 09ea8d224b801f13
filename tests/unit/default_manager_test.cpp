// Goal: the default manager is set once, before its first use, and until then says that its locks
// are of one process alone. Method: each test asks in a child, since asking is a use, and setting
// is for the rest of a process.
#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include <leaselock/leaselock.hpp>

namespace leaselock {
namespace {

bool is_said_to_be_local(LockManager& manager) {
    const auto findings = manager.check();
    return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
        return finding.subject == "default manager" &&
               finding.severity == Finding::Severity::problem;
    });
}

[[noreturn]] void ask_one_that_nobody_has_set() {
    std::_Exit(is_said_to_be_local(default_manager()) ? 3 : 4);
}

TEST(DefaultManagerDeathTest, NobodyHasSetItAndCheckSaysSo) {
    EXPECT_EXIT(ask_one_that_nobody_has_set(), ::testing::ExitedWithCode(3), "");
}

struct Notes final : Observer {
    std::vector<std::string> keys{};
    void on_default_unset(const LockEvent& event) override { keys.push_back(event.key); }
};

// How often an observer of another manager is notified, and of what.
[[noreturn]] void lock_without_a_manager(bool set) {
    const auto notes = std::make_shared<Notes>();
    {
        LockManager locks{{.observer = notes}};
        if (set) set_default_manager(connect("memory:"));
        for (const int id : {7, 8}) {
            DISTRIBUTED_LOCK("payment-{{id}}", id);
            DISTRIBUTED_LOCK(locks, "own-{{id}}", id);
        }
    }
    std::_Exit(notes->keys == std::vector<std::string>(set ? 0 : 1, "payment-7") ? 3 : 4);
}

TEST(DefaultManagerDeathTest, NobodyHasSetItAndOtherObserversAreNotifiedOnce) {
    EXPECT_EXIT(lock_without_a_manager(false), ::testing::ExitedWithCode(3), "");
    EXPECT_EXIT(lock_without_a_manager(true), ::testing::ExitedWithCode(3), "");
}

// Whether it is set once, and not again after that.
[[noreturn]] void set_twice() {
    set_default_manager(connect("memory:", {.prefix = "set:"}));
    bool right = !is_said_to_be_local(default_manager());
    {
        DISTRIBUTED_LOCK("key");
        right = right && default_manager().inspect("key").held;
    }
    try {
        set_default_manager(connect("memory:"));
        right = false;
    } catch (const LockError& error) {
        right = right && error.code() == Errc::registry_frozen;
    }
    std::_Exit(right ? 3 : 4);
}

TEST(DefaultManagerDeathTest, IsSetOnceBeforeItsFirstUse) {
    EXPECT_EXIT(set_twice(), ::testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace leaselock
