// An operator new that fails when the program says so. For one source of a program, which defines
// `bool may_allocate(std::size_t size) noexcept` before it includes this.
//
// Thread-safety: that of may_allocate().
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

// Not inlined, or compilers see malloc meet delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* const memory = may_allocate(size) ? std::malloc(size) : nullptr;
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}
