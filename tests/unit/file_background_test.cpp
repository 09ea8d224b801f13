// Goal: the thread of the file backend keeps the order of each key, and forgets a request that was
// taken out. Method: a worker that stands still inside a request until it is told to go on; what is
// used after its end is for the address sanitizer to see.
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>

#include "file/background.hpp"

namespace leaselock::file {
namespace {

using Signal = std::binary_semaphore;

class Told final : public Background::Worker {
  public:
    explicit Told(std::function<bool(std::string_view)> does) : does_{std::move(does)} {}

    bool run_in_time(Operation& operation) noexcept override {
        if (!does_(operation.request.token)) return false;
        operation.complete();
        return true;
    }
    void give_up(Operation& operation) noexcept override { operation.fail(Errc::busy, {}); }

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
    auto busy = std::make_unique<Operation>(
        Request{.verb = Verb::acquire, .key = *key, .token = "busy"});
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

}  // namespace
}  // namespace leaselock::file
