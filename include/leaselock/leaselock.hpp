// All that users of locks need of the core in one include: manager, guards, mutexes, key templates,
// locks in files. Redis is apart, in <leaselock/redis.hpp>, since it needs a library of its own; so
// is what programs need that make a backend themselves: <leaselock/backend.hpp>, its contract,
// <leaselock/memory_backend.hpp>, <leaselock/blocking_backend.hpp> and <leaselock/glob.hpp>.
//
// Thread-safety: each header says its own.
#pragma once

// IWYU pragma: begin_exports
#include <leaselock/acquire_all.hpp>
#include <leaselock/async.hpp>
#include <leaselock/claim.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/connect.hpp>
#include <leaselock/copies.hpp>
#include <leaselock/count_down_latch.hpp>
#include <leaselock/distributed_lock.hpp>
#include <leaselock/distributed_mutex.hpp>
#include <leaselock/distributed_semaphore.hpp>
#include <leaselock/error.hpp>
#include <leaselock/fence_guard.hpp>
#include <leaselock/file.hpp>
#include <leaselock/finding.hpp>
#include <leaselock/guarantees.hpp>
#include <leaselock/key_macros.hpp>
#include <leaselock/key_template.hpp>
#include <leaselock/leader_election.hpp>
#include <leaselock/lock_manager.hpp>
#include <leaselock/lock_options.hpp>
#include <leaselock/lock_owner.hpp>
#include <leaselock/log.hpp>
#include <leaselock/observer.hpp>
#include <leaselock/printable.hpp>
#include <leaselock/reentrant_mutex.hpp>
#include <leaselock/run_once.hpp>
#include <leaselock/scoped_distributed_lock.hpp>
#include <leaselock/shared_distributed_mutex.hpp>
#include <leaselock/version.hpp>
#include <leaselock/with_lock.hpp>
// IWYU pragma: end_exports
