// Copies of a process: fork(2), _Fork, clone(2), and images of a machine or a process that are
// restored. A copy has all of the memory and none of the threads; sockets and files are shared.
//
// leaselock recognises a child by itself, however it was made. In a child, what was made before
// belongs to the parent: guards hold nothing and release nothing; managers, backends and what is
// made of them are refused with Errc::forked before any I/O, and destroying them touches nothing.
// The parent goes on undisturbed. A child makes a backend and a manager of its own.
//
// A restored image (a snapshot of a virtual machine, CRIU) cannot be recognised from inside. Each
// of two copies would believe in the same locks, with the same owner tokens. After a restore call
// invalidate_copies() in it.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <leaselock/detail/export.hpp>

namespace leaselock {

// From now on all that leaselock has made in this process counts as a copy, as in a child: guards
// hold nothing, and their lost() fires when they would be renewed, or at the end of the lease; a
// call that waits for a lock ends with Errc::forked at its next poll, within a second or the
// retry_delay; managers, backends and what is made of them are refused. Owner tokens are seeded
// again by the kernel. To be called in the process that was restored, before it goes on with its
// work; it then makes new backends and managers. One system call at most; does not block.
LEASELOCK_EXPORT void invalidate_copies() noexcept;

}  // namespace leaselock
