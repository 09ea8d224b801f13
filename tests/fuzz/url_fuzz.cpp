// Goal: every text is a URL or an error that says so, and no message tells a password. Method: what
// parses is written for messages, parsed again, and has to be the same but for its secrets.
#include <string>

#include <leaselock/error.hpp>

#include "fuzz/fuzz_input.hpp"
#include "wire/url.hpp"

namespace leaselock {
namespace {

using fuzz::promise;

void check(const wire::Url& url) {
    promise(url.hosts.empty() == (url.master.empty() && !url.cluster),
            "Sentinels know the master by a name");
    promise(int{url.host.empty()} + int{url.unix_path.empty()} + int{url.hosts.empty()} == 2,
            "a host, a path, Sentinels, or nodes");
    promise(url.database >= 0, "no negative database");
    const std::string shown = wire::masked(url);
    promise(fuzz::is_clean(shown), "no control character in a message");
    const wire::Url again = wire::parse_url(shown);
    promise(again.host == url.host && again.port == url.port && again.tls == url.tls &&
                again.unix_path == url.unix_path && again.hosts == url.hosts &&
                again.master == url.master && again.cluster == url.cluster &&
                again.database == url.database,
            "what is shown is where it is");
    const bool has_password = !url.password.empty();
    promise(again.password == (has_password ? "***" : ""), "no password is shown");
    promise(has_password || url.username.empty() ? again.username == url.username
                                                 : again.username == "***",
            "a user alone may be a password");
    for (const auto& [name, value] : url.options) (void)wire::parse_duration(value);
}

}  // namespace
}  // namespace leaselock

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using leaselock::fuzz::promise;
    const std::string_view text = leaselock::fuzz::Input{data, size}.rest();
    try {
        leaselock::check(leaselock::wire::parse_url(text));
    } catch (const leaselock::LockError& error) {
        promise(error.code() == leaselock::Errc::invalid_url, "the error is about the URL");
        promise(leaselock::fuzz::is_clean(error.what()), "no control character in a message");
    }
    return 0;
}
