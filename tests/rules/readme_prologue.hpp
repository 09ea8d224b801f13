// What the fragments of the README take for granted: the names that its text has introduced before.
#pragma once

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>

#include <leaselock/leaselock.hpp>
#include <leaselock/redis.hpp>

using namespace std::chrono_literals;

extern leaselock::LockManager locks;
