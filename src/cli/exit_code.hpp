// How the command ends. Those of 64 and above are the ones of sysexits.h where it has one.
#pragma once

namespace leaselock::cli::exit_code {

inline constexpr int done = 0;
inline constexpr int not_so = 1;         // nothing to release; the doctor found a problem
inline constexpr int usage = 64;         // what was asked for is wrong
inline constexpr int backend = 69;       // the backend cannot be reached, or does not serve
inline constexpr int system = 71;        // no process can be started, or the output not written
inline constexpr int not_acquired = 75;  // somebody else holds the lock
inline constexpr int lost = 79;          // the lock was lost while the command ran
inline constexpr int cannot_run = 126;   // as shells say it
inline constexpr int not_found = 127;

// Instead of an exit status: the program ends by that signal, so that its parent sees so.
[[nodiscard]] constexpr int by_signal(int number) noexcept { return -number; }

}  // namespace leaselock::cli::exit_code
