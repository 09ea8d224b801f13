// Goal: the thread of the file backend keeps the order of each key, and forgets a request that was
// taken out. Method: a worker that stands still inside a request until it may go on; what is
// used after its end is for the address sanitizer to see.
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>

#include "file/background.hpp"

namespace leaselock::file {
namespace {

using Signal = std::binary_semaphore;

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Completion
class Told final : public Background::Worker {
  public:
    explicit Told(std::function<bool(std::string_view)> does) : does_{std::move(does)} {}

    bool run_in_time(Operation& operation) noexcept override {
        const std::string token{operation.request.token};
        if (!does_(token)) return false;
        operation.complete();
        if (after) after(token);
        return true;
    }
    void give_up(Operation& operation) noexcept override { operation.fail(Errc::busy, {}); }

    std::function<void(std::string_view)> after{};  // with what was completed just before

  private:
    const std::function<bool(std::string_view)> does_;
};

TEST(FileBackground, RequestThatHasToWaitStaysBeforeTheNextOfItsKey) {
    Signal inside{0};
    Signal go_on{0};
    Signal over{0};
    bool is_first = true;
    std::string order;
    Told worker{[&](std::string_view token) {
        if (std::exchange(is_first, false)) {
            inside.release();
            go_on.acquire();
            return false;
        }
        order += token;
        if (order.size() == 2) over.release();
        return true;
    }};
    Operation release{{.verb = Verb::release, .key = "key", .token = "1"}};
    Operation acquire{{.verb = Verb::acquire, .key = "key", .token = "2"}};
    Background background{worker};
    ASSERT_TRUE(background.add(release));
    inside.acquire();
    ASSERT_TRUE(background.add(acquire));
    go_on.release();
    over.acquire();
    EXPECT_EQ(order, "12");
}

TEST(FileBackground, KeyOfARequestThatWasTakenOutIsNotLookedAt) {
    Signal inside{0};
    Signal go_on{0};
    Signal over{0};
    Told worker{[&](std::string_view token) {
        if (token == "busy") return false;
        if (token == "before" || token == "beside") {
            inside.release();
            go_on.acquire();
        }
        if (token == "behind") over.release();
        return true;
    }};
    Operation before{{.verb = Verb::renew, .key = "key", .token = "before"}};
    auto key = std::make_unique<std::string>(100, 'a');
    auto busy =
        std::make_unique<Operation>(Request{.verb = Verb::acquire, .key = *key, .token = "busy"});
    const std::string other_key(100, 'b');
    Operation beside{{.verb = Verb::renew, .key = "key", .token = "beside"}};
    Operation behind{{.verb = Verb::renew, .key = other_key, .token = "behind"}};
    Background background{worker};
    ASSERT_TRUE(background.add(before));
    inside.acquire();
    for (Operation* const each : {busy.get(), &beside, &behind}) {
        ASSERT_TRUE(background.add(*each));
    }
    go_on.release();
    inside.acquire();
    EXPECT_TRUE(background.take_out(*busy));
    busy.reset();
    key.reset();
    go_on.release();
    over.acquire();
}

TEST(FileBackground, NextOneAtTheSameAddressIsTakenOut) {
    Signal completed{0};
    Signal go_on{0};
    Told worker{[](std::string_view) { return true; }};
    worker.after = [&](std::string_view token) {
        if (token != "1") return;
        completed.release();
        go_on.acquire();
    };
    std::optional<Operation> operation;
    operation.emplace(Request{.verb = Verb::renew, .key = "key", .token = "1"});
    Background background{worker};
    ASSERT_TRUE(background.add(*operation));
    completed.acquire();
    operation.emplace(Request{.verb = Verb::renew, .key = "key", .token = "2"});
    ASSERT_TRUE(background.add(*operation));
    EXPECT_TRUE(background.take_out(*operation));
    go_on.release();
}

}  // namespace
}  // namespace leaselock::file
