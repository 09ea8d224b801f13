// Text of others, made fit to be read: what a holder calls itself, a key, the words of a server. A
// terminal, a log or a table must not do what such bytes say.
//
//     std::cout << leaselock::printable(locks.inspect("stock-7").owner) << '\n';
//
// The texts of exceptions, of a LogObserver and of check() have been through it already. What is
// data is left as it is: LockInfo::owner, LockEvent::owner, LockNotAcquired::owner(), the keys of
// list().
//
// Thread-safety: it may be called by all threads at once.
#pragma once

#include <string>
#include <string_view>

#include <leaselock/detail/export.hpp>

namespace leaselock {

// The text with \xHH for each byte of: control characters (U+0000 to U+001F, U+007F to U+009F), the
// separators of lines and paragraphs (U+2028, U+2029), controls of the direction of writing
// (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), what is not UTF-8, and the
// characters of `also`, which are ASCII. A text that has been through it is not changed by it
// again, unless `also` has the backslash; with that, no two texts become one. Throws bad_alloc.
// Does not block.
[[nodiscard]] LEASELOCK_EXPORT std::string printable(std::string_view text,
                                                     std::string_view also = {});

}  // namespace leaselock
