// What a store answers is not trusted: a backend may be anybody's.
#pragma once

#include <leaselock/backend.hpp>

namespace leaselock::detail {

// Makes a reply that its request cannot have a failure, protocol_error: nobody knows what became of
// the command. A queue entry is for those that asked for one, each verb has outcomes of its own, no
// lease is shorter than nothing, and a failure is one that a store can have.
void check_reply(Operation& operation) noexcept;

}  // namespace leaselock::detail
