#include "base/memory_checked.hpp"

#include <cstddef>
#include <link.h>
#include <string_view>

namespace leaselock::detail {
namespace {

#if defined(__has_feature)
#define LEASELOCK_HAS_FEATURE(name) __has_feature(name)
#else
#define LEASELOCK_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                       \
    LEASELOCK_HAS_FEATURE(address_sanitizer) || LEASELOCK_HAS_FEATURE(thread_sanitizer) || \
    LEASELOCK_HAS_FEATURE(memory_sanitizer)
constexpr bool is_sanitized = true;
#else
constexpr bool is_sanitized = false;
#endif
#undef LEASELOCK_HAS_FEATURE

// The tools of valgrind that watch the heap load a library for it,
// vgpreload_memcheck-amd64-linux.so for one; all of them, and those that do not watch it, load
// vgpreload_core.
int watches_the_heap(dl_phdr_info* info, std::size_t /*size*/, void* /*nothing*/) noexcept {
    constexpr std::string_view tool = "/vgpreload_";
    const std::string_view name = info->dlpi_name == nullptr ? "" : info->dlpi_name;
    const std::size_t at = name.rfind(tool);
    return at != std::string_view::npos && !name.substr(at + tool.size()).starts_with("core") ? 1
                                                                                              : 0;
}

}  // namespace

bool is_memory_checked() noexcept {
    static const bool is_checked =
        is_sanitized || ::dl_iterate_phdr(watches_the_heap, nullptr) != 0;
    return is_checked;
}

}  // namespace leaselock::detail
