#include "cli/store.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <leaselock/file.hpp>

#include "cli/full.hpp"
#include "cli/url_text.hpp"
#include "cli/usage_error.hpp"

namespace leaselock::cli {
namespace {

constexpr std::string_view scheme = "file:";

// file:/path, or with two slashes before it. The path is taken as it is.
std::optional<std::string> directory_of(std::string_view url) {
    if (!url.starts_with(scheme)) return std::nullopt;
    url.remove_prefix(scheme.size());
    if (url.starts_with("//")) url.remove_prefix(2);
    if (!url.starts_with('/')) {
        throw UsageError(
            "a file: URL names a directory by its absolute path, as in "
            "file:/srv/app/locks");
    }
    return std::string(url);
}

// Without a URL the locks are of this machine. Empty: they are on a server.
std::string directory_for(const std::string& url) {
    return url.empty() ? default_lock_directory() : directory_of(url).value_or("");
}

// Those that the command knows. What is wrong with the rest of a URL, a backend says.
bool is_known(std::string_view url) {
    constexpr std::string_view known[] = {"file:",
                                          "redis://",
                                          "rediss://",
                                          "redis+unix://",
                                          "redis+sentinel://",
                                          "rediss+sentinel://",
                                          "redis+cluster://",
                                          "rediss+cluster://",
                                          "hazelcast://",
                                          "hazelcasts://"};
    return std::any_of(std::begin(known), std::end(known),
                       [&](std::string_view each) { return url.starts_with(each); });
}

std::shared_ptr<Backend> backend_for(const std::string& url,
                                     const std::vector<std::string>& words) {
    if (url.empty()) return make_file_backend();
    if (auto directory = directory_of(url)) {
        return make_file_backend({.directory = std::move(*directory)});
    }
    if (!is_known(url)) {
        throw UsageError(
            "the URL has no scheme that is known; allowed: file:/path, redis://host[:port][/db], "
            "rediss://host[:port][/db], redis+unix:///path, "
            "redis+sentinel://host[:port][,host[:port]...]/name[/db], "
            "redis+cluster://host[:port][,host[:port]...] or "
            "hazelcast://host[:port][,host[:port]...][/cluster[/group]]");
    }
    return server_backend(url, words);
}

}  // namespace

bool is_on_a_server(const StoreOptions& options) {
    return !options.url.empty() && !options.url.starts_with(scheme);
}

std::string location_of(const StoreOptions& options) {
    const std::string directory = directory_for(options.url);
    return directory.empty() ? without_secrets(options.url) : directory;
}

Store open_store(const StoreOptions& options) {
    std::shared_ptr<Backend> backend = backend_for(options.url, options.words);
    ManagerOptions manager{.owner = options.owner, .backend = "store"};
    if (options.prefix) manager.prefix = *options.prefix;
    LockManager locks{manager};
    locks.register_backend(manager.backend, backend);
    return {manager.prefix, std::move(backend), std::move(locks), directory_for(options.url)};
}

}  // namespace leaselock::cli
