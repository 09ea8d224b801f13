// Goal: a plugin with leaselock inside it can be unloaded: no thread of the library runs on in code
// that has gone, and nothing of it keeps the plugin in memory. Method: one is loaded, used and
// unloaded, again and again, and the dynamic linker is asked whether it is still there.
#include <dlfcn.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace leaselock
