// The demo over several processes: a parent that starts this program again as workers, and reads
// from a pipe what they have done.
#pragma once

#include "orders/arguments.hpp"
#include "orders/input.hpp"
#include "orders/result.hpp"

namespace orders {

// One run, with or without locks, of `arguments.processes` workers on a stock file of its own.
// Throws std::runtime_error with the words of a worker that failed.
[[nodiscard]] Result run_processes(const Arguments& arguments, const Input& input, bool with_locks,
                                   std::string label);

// What a worker does: works its share, and tells it on standard output, one item a line:
//   done <orders>      now and then
//   sold <record> <units>
//   figures <accepted> <rejected> <fenced> <acquisitions> <total wait us> <longest us> <rise>
void run_worker(const Arguments& arguments, const Input& input);

}  // namespace orders
