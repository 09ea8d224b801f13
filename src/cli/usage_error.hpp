// What was asked for is wrong. The text is one line that says what to do.
#pragma once

#include <stdexcept>

namespace leaselock::cli {

class UsageError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace leaselock::cli
