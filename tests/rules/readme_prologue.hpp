// What the fragments of the pages take for granted: the names that their text has introduced
// before.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/hazelcast.hpp>
#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

using namespace std::chrono_literals;

extern leaselock::LockManager locks;

// A coroutine type, as a program that has coroutines has one.
struct Task {
    struct promise_type {
        Task get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
};
