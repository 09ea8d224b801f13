// Goal: what is said about TLS in options and URLs is right, or an error before any connection that
// names it, tells no password and asks nobody. Method: files of the test's own, and a terminal for
// the one question that OpenSSL would ask.
#include <csignal>
#include <pty.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/fault_fixture.hpp"
#include "support/certificates.hpp"

namespace leaselock {
namespace {

using namespace support;

Errc option_error(const RedisOptions& options, std::string& text) {
    try {
        (void)make_redis_backend(options);
        return Errc{};
    } catch (const LockError& error) {
        text = error.what();
        return static_cast<Errc>(error.code().value());
    }
}

void expect_refused(const RedisOptions& options, Errc expected, const std::string& part) {
    std::string text;
    EXPECT_EQ(option_error(options, text), expected) << text;
    EXPECT_NE(text.find(part), std::string::npos) << text << "\n lacks " << part;
}

TEST(TlsOptions, FilesThatCannotBeReadSayWhich) {
    const std::string ca = Certificates::file("ca.pem");
    const std::string url = "rediss://h";
    const auto refused = Errc::invalid_option;
    expect_refused({.url = url, .tls = {.ca_file = "/no/such/file"}}, refused,
                   "ca_file = '/no/such/file' cannot be used (No such file");
    expect_refused({.url = url, .tls = {.ca_dir = "/no/such/dir"}}, refused,
                   "ca_dir = '/no/such/dir' cannot be used (No such file");
    expect_refused({.url = url, .tls = {.ca_dir = ca}}, refused, "cannot be used (Not a directory");
    expect_refused({.url = url, .tls = {.ca_file = ca, .ca_dir = "/no/such/dir"}}, refused,
                   "ca_dir = ");
    expect_refused({.url = url, .tls = {.cert_file = "/no/cert", .key_file = "/no/key"}}, refused,
                   "cert_file = '/no/cert' cannot be used (No such file");
    expect_refused({.url = url, .tls = {.cert_file = ca}}, refused, "key_file = ''");
    expect_refused(
        {.url = url + "?cert_file=" + ca + "&key_file=" + Certificates::file("client.key")},
        refused, "key_file = ");
}

TEST(TlsOptions, BelongToRedissAlone) {
    const std::string ca = Certificates::file("ca.pem");
    expect_refused({.url = "redis://h?ca_file=" + ca}, Errc::invalid_option,
                   "ca_file is set, allowed with rediss only");
    expect_refused({.url = "redis+cluster://h?ca_file=a"}, Errc::invalid_option,
                   "allowed with rediss+cluster only");
    expect_refused({.url = "redis+sentinel://h/m?ca_file=a"}, Errc::invalid_option,
                   "allowed with rediss+sentinel only");
    expect_refused({.url = "redis://h?verify=off"}, Errc::invalid_option, "verify is set");
}

TEST(TlsOptions, ValuesInTheUrlAreChecked) {
    expect_refused({.url = "rediss://h?verify=maybe"}, Errc::invalid_url,
                   "verify is wrong, allowed are on and off");
    for (const std::string name : {"ca_file", "ca_dir", "cert_file", "key_file", "server_name"}) {
        expect_refused({.url = "rediss://h?" + name + "="}, Errc::invalid_url,
                       "URL option " + name + " is empty");
    }
}

TEST(TlsOptions, NameThatNoCertificateHasIsRefused) {
    const std::string url = "rediss://h";
    expect_refused({.url = url, .tls = {.server_name = std::string(256, 'a')}},
                   Errc::invalid_option, "server_name has 256 bytes, allowed are 1 to 255");
    std::string text;
    EXPECT_EQ(option_error({.url = url, .tls = {.server_name = std::string(255, 'a')}}, text),
              Errc{});
    // OpenSSL would read as far as the NUL.
    for (auto field : {&TlsOptions::server_name, &TlsOptions::ca_file, &TlsOptions::ca_dir}) {
        RedisOptions options{.url = url};
        options.tls.*field = std::string("/tmp\0/x", 7);
        expect_refused(options, Errc::invalid_option, "has a NUL byte");
    }
}

// A '?' in a password that was not escaped tears it apart.
TEST(TlsOptions, TornPasswordIsInNoMessage) {
    for (const std::string name :
         {"ca_file", "ca_dir", "server_name", "verify", "connect_timeout", "cert_file"}) {
        std::string text;
        EXPECT_EQ(option_error({.url = "rediss://h?" + name + "=sesame@h"}, text),
                  Errc::invalid_url);
        EXPECT_EQ(text.find("sesame"), std::string::npos) << text;
        EXPECT_NE(text.find("'@'"), std::string::npos) << text;
    }
}

// In a process that has a terminal, as programs of people do.
TEST(TlsOptions, PassphraseOfAKeyIsNotAskedFor) {
    const RedisOptions options{.url = "rediss://h",
                               .tls = {.cert_file = Certificates::file("client.pem"),
                                       .key_file = Certificates::file("locked.key")}};
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    ASSERT_GE(child, 0);
    if (child == 0) {
        std::string text;
        const bool is_right = option_error(options, text) == Errc::invalid_option &&
                              text.find("key_file = ") != std::string::npos;
        ::_exit(is_right ? 0 : 1);
    }
    char letter = 0;
    const bool was_asked = ::read(terminal, &letter, 1) > 0;
    EXPECT_FALSE(was_asked);
    if (was_asked) ::kill(child, SIGKILL);
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    ::close(terminal);
}

}  // namespace
}  // namespace leaselock
