// Locks between the processes of one machine, without a server: files in a directory. Part of the
// core: target leaselock::leaselock.
//
//     leaselock::LockManager locks;
//     locks.register_backend("machine", leaselock::make_file_backend());
//     locks.set_default_backend("machine");
//
// A lock is a file that is there while somebody holds the lock or waits for it. Beside it each
// backend that holds or waits has a FIFO in the directory, and on it a lock of the kernel's (an
// open-file-description lock, see fcntl(2)), which ends with the process, however that ends. So the
// lock of a process that was killed is free 100 ms after somebody has seen it, and not at the end
// of its ttl: these are for what the kernel kills together with it, such as a command that it has
// started. With a min_hold it stays for the rest of that, at most for its ttl. A process that
// is paused loses its lock at the end of its ttl, as everywhere.
//
// A waiter has a queue entry in that file and sleeps until the holder hands the lock over to it, or
// the process before it has ended. It still polls once a second, since its entry must be kept.
// What is handed over is held for 3 s at most until it is renewed.
//
// What it needs: Linux, a local file system (of which a check of the manager sees to it), and some
// descriptors: five for the backend, two more once somebody waits, and one for each waiter. After a
// fork that is not followed by an exec the child shares them, and a lock lives as long as the later
// of the two or its ttl, whichever is the shorter. Nobody but leaselock may write into the
// directory. Time is CLOCK_BOOTTIME, so containers that share a directory must share the kernel's
// time, too. A reboot ends all locks, and their min_hold with them.
//
// Cost: some 10 system calls for an acquire or a release, in all 20 to 40 microseconds, and more
// for each one that waits or has a share.
//
// Thread-safety: a backend may be used from all threads at once.
#pragma once

#include <memory>
#include <string>

#include <leaselock/clock.hpp>
#include <leaselock/detail/export.hpp>

namespace leaselock {

class Backend;  // its contract: <leaselock/backend.hpp>

struct FileOptions {
    // Where the locks are: an absolute path. Made, for its owner alone, if it is not there. A user
    // that may write there may lock; files in it can be opened by nobody else. Empty:
    // default_lock_directory().
    std::string directory{};
    // The clock of the managers that use the backend. Never null.
    std::shared_ptr<Clock> clock = boot_clock();
};

// /run/lock/leaselock-<user id>, or the same in /tmp where there is no /run/lock with mode 1777: by
// facts of the machine and not by the rights of the process, so it is one for all processes of one
// user. One that cannot use it is refused: if it cannot be written (Errc::directory_unusable, or
// access_denied), belongs to somebody else, others may write to it, or it would lie in the private
// /tmp of a service of systemd (access_denied).
[[nodiscard]] LEASELOCK_EXPORT std::string default_lock_directory();

// Makes a directory in which the members of a group, by its name or its number, share locks: of
// mode 2770, and with its files from the start. Does nothing if it is there and is such a one.
// Throws LockError: invalid_option for a path that is not absolute or a group that is not known,
// access_denied if we may not make it or give it to the group, connect_failed without a place for
// it, directory_unusable if something else is there, with what to do.
LEASELOCK_EXPORT void make_shared_lock_directory(const std::string& directory,
                                                 const std::string& group);

// Does no I/O. Throws LockError{invalid_option}. Operations on a file in which a process was
// stopped end after 1 s with Errc::busy; a list leaves a key out that is too long for a file's
// name, 255 bytes. For errors of the file system see docs/guide/files.md. The destructor of the
// backend waits for a callback of a listener that is under way.
[[nodiscard]] LEASELOCK_EXPORT std::shared_ptr<Backend> make_file_backend(FileOptions options = {});

}  // namespace leaselock
