// The command `leaselock`: what a shell, cron or systemd needs of distributed locks.
#include <fcntl.h>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include <leaselock/error.hpp>

#include "cli/bench.hpp"
#include "cli/command_line.hpp"
#include "cli/exit_code.hpp"
#include "cli/hold.hpp"
#include "cli/init.hpp"
#include "cli/inspect.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/run.hpp"
#include "cli/signals.hpp"
#include "cli/store.hpp"
#include "cli/top.hpp"
#include "cli/usage_error.hpp"

namespace leaselock::cli {
namespace {

int act(const Options& options) {
    if (options.action == Action::init) return init(options);
    Store store = open_store(options.store);
    switch (options.action) {
        case Action::run: return run(store, options);
        case Action::hold: return hold(store, options);
        case Action::status: return status(store, options);
        case Action::list: return list(store, options);
        case Action::top: return top(store, options);
        case Action::wait: return wait(store, options);
        case Action::release: return release(store, options);
        case Action::doctor: return doctor(store, options);
        case Action::bench: return bench(store, options);
        case Action::init: break;
    }
    return exit_code::usage;
}

// What a user can mend in the call.
bool is_usage(const std::error_code& code) {
    return code == Errc::invalid_key || code == Errc::invalid_option || code == Errc::invalid_url ||
           code == Errc::conflicting_use;
}

int fail(int status, const std::exception& why, std::string_view advice = {}) {
    complain(std::string(why.what()).append(advice));
    return status;
}

int fail(const Error& error, bool on_a_server) {
    if (is_usage(error.code())) return fail(exit_code::usage, error);
    if (error.code() == Errc::lost) return fail(exit_code::lost, error);
    const bool no_server = on_a_server && error.code() == Errc::connect_failed;
    return fail(exit_code::backend, error,
                no_server ? "; does the server run, and is --url or LEASELOCK_URL right?" : "");
}

// The number of a standard stream that is closed must not become that of a connection, or what we
// say would go to the server. What takes it cannot be read or written, as if nothing did.
void keep_standard_streams() noexcept {
    int fd = -1;
    do {
        fd = ::open("/", O_PATH | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) ::close(fd);
}

int main(int argc, char** argv) {
    keep_standard_streams();
    std::optional<Options> options;
    try {
        options = parse_options(argc, argv);
        return options ? act(*options) : exit_code::done;
    } catch (const UsageError& error) {
        return fail(exit_code::usage, error);
    } catch (const Error& error) {
        return fail(error, options && is_on_a_server(options->store));
    } catch (const std::system_error& error) {
        return fail(exit_code::system, error);
    } catch (const std::bad_alloc& error) {
        return fail(exit_code::system, error);
    }
}

}  // namespace
}  // namespace leaselock::cli

int main(int argc, char** argv) {
    const int status = leaselock::cli::main(argc, argv);
    if (status < 0) leaselock::cli::end_by(-status);
    return status;
}
