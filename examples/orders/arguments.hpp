// The command line of the demo.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace orders {

struct Arguments {
    std::string orders_file;
    std::string stock_file;
    std::size_t threads = 8;    // of each process
    std::string redis_url;      // empty: the memory backend
    std::size_t processes = 0;  // 0: this one alone
    std::string records;        // a worker's: the file of the shelf
    std::size_t worker = 0;     // a worker's: which one it is, from 0
    bool is_worker = false;
    bool with_locks = false;  // a worker's
    bool wants_help = false;
};

extern const char* const usage;

// Throws std::invalid_argument that names the argument.
[[nodiscard]] Arguments parse_arguments(int argc, char** argv);

}  // namespace orders
