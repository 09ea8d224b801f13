// Goal: a plugin with leaselock inside it can be unloaded: no thread of the library runs on in code
// that has gone, and nothing of it keeps the plugin in memory. And it may lock in a store in memory
// that the program has, beside a manager of the program. Method: one is loaded, used and
// unloaded, again and again, and the dynamic linker is asked whether it is still there.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <memory>

#include <leaselock/leaselock.hpp>
#include <leaselock/memory_backend.hpp>

namespace leaselock {
namespace {

bool is_loaded() {
    void* const plugin = ::dlopen(LEASELOCK_PLUGIN, RTLD_NOW | RTLD_NOLOAD);
    if (plugin != nullptr) ::dlclose(plugin);
    return plugin != nullptr;
}

TEST(Plugin, IsUnloadedAfterEachUse) {
    for (int i = 0; i < 5; ++i) {
        void* const plugin = ::dlopen(LEASELOCK_PLUGIN, RTLD_NOW | RTLD_LOCAL);
        ASSERT_NE(plugin, nullptr) << ::dlerror();
        auto* const use = reinterpret_cast<bool (*)()>(::dlsym(plugin, "use"));
        ASSERT_NE(use, nullptr);
        EXPECT_TRUE(use());
        EXPECT_EQ(::dlclose(plugin), 0);
        EXPECT_FALSE(is_loaded()) << i;
    }
}

// Each of both has made as many managers as the other.
TEST(Plugin, HoldsWhatItLocksInAStoreOfTheProgram) {
    const std::shared_ptr<Backend> store = std::make_shared<MemoryBackend>();
    LockManager locks{{.owner = "program:1"}};
    locks.register_backend("shared", store);
    locks.set_default_backend("shared");
    EXPECT_TRUE(locks.acquire("first lock"));
    EXPECT_TRUE(locks.acquire("a key"));
    void* const plugin = ::dlopen(LEASELOCK_PLUGIN, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(plugin, nullptr) << ::dlerror();
    auto* const lock_in =
        reinterpret_cast<bool (*)(const std::shared_ptr<Backend>&)>(::dlsym(plugin, "lock_in"));
    ASSERT_NE(lock_in, nullptr);
    EXPECT_TRUE(lock_in(store));
    EXPECT_EQ(::dlclose(plugin), 0);
    EXPECT_FALSE(is_loaded());
}

}  // namespace
}  // namespace leaselock
