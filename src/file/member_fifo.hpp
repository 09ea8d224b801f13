// The FIFO of a member: its name, how it is opened, and the lock by which others see that the
// member lives.
//
// Thread-safety: functions without state.
#pragma once

#include <cstdint>
#include <fcntl.h>
#include <string>
#include <string_view>

#include "file/descriptor.hpp"

namespace leaselock::file {

using MemberId = std::uint64_t;  // 0: not known

[[nodiscard]] std::string fifo_of(MemberId id);
[[nodiscard]] bool is_of_member(std::string_view name) noexcept;

// Not open: errno says why. Never waits.
[[nodiscard]] Descriptor open_fifo(int directory, const std::string& name, int access) noexcept;

// The lock that a member has for life.
[[nodiscard]] struct flock life() noexcept;
// False: somebody has it.
[[nodiscard]] bool take_life(const Descriptor& fd) noexcept;

// Removes what a member has left, if it is one and has ended.
void sweep_member(int directory, const std::string& name) noexcept;

}  // namespace leaselock::file
