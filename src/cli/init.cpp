#include "cli/init.hpp"

#include <filesystem>
#include <string>

#include <leaselock/file.hpp>

#include "cli/exit_code.hpp"
#include "cli/output.hpp"

namespace leaselock::cli {

int init(const Options& options) {
    const std::string directory = std::filesystem::absolute(options.init.directory).string();
    make_shared_lock_directory(directory, options.init.group);
    print_one(choose_format(options.json), {{"url", "file:" + directory}});
    return exit_code::done;
}

}  // namespace leaselock::cli
