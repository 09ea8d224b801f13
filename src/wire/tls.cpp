#include "wire/tls.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <climits>
#include <filesystem>
#include <new>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <system_error>
#include <utility>

#include <leaselock/error.hpp>

namespace leaselock::wire {
namespace {

// OpenSSL cleans up at the end of the process, before static objects of the program that were made
// earlier release their locks. If it is unused so far it is set not to; else all that is
// left of TLS fails from then on, and its memory is not given back.
std::atomic<bool> has_ended{false};

void start_openssl() {
    static const bool begun = OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, nullptr) == 1 &&
                              OPENSSL_atexit([] { has_ended = true; }) == 1;
    if (!begun) throw std::bad_alloc();
    if (has_ended) throw LockError(Errc::tls_failed, "OpenSSL has been shut down");
}

int length(std::string_view bytes) noexcept {
    return static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX));
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

// The first thing that OpenSSL complained of; its queue is empty afterwards.
unsigned long take_error() noexcept {
    const unsigned long error = ERR_get_error();
    ERR_clear_error();
    return error;
}

std::string text_of(unsigned long error) {
    if (ERR_GET_LIB(error) == ERR_LIB_SYS) {
        return std::generic_category().message(ERR_GET_REASON(error));
    }
    const char* const reason = ERR_reason_error_string(error);
    return reason == nullptr ? "unknown reason" : reason;
}

[[noreturn]] void refuse(std::string_view field, const std::string& value, const std::string& why) {
    throw LockError(Errc::invalid_option, std::string(field) + " = '" + value +
                                              "' cannot be used (" + why +
                                              "), allowed is what OpenSSL can read, in PEM");
}

void check(bool is_good, std::string_view field, const std::string& value) {
    if (!is_good) refuse(field, value, text_of(take_error()));
}

// OpenSSL looks into the directory when it needs an authority, and takes one that is not there for
// one without the right file.
void check_directory(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
        if (!error) error = std::make_error_code(std::errc::not_a_directory);
        refuse("ca_dir", path, error.message());
    }
}

// Without the zone of an IPv6 address, as in fe80::1%eth0: it names an interface of ours.
std::string without_zone(const std::string& host) {
    return host.find(':') == std::string::npos ? host : host.substr(0, host.find('%'));
}

bool is_address(const std::string& host) noexcept {
    std::array<unsigned char, sizeof(in6_addr)> unused{};
    return ::inet_pton(AF_INET, host.c_str(), unused.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), unused.data()) == 1;
}

// The certificate must be for that name or address. Only a name is sent to the server (SNI).
bool expect_host(SSL* raw, const std::string& host) {
    if (is_address(host)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(raw), host.c_str()) == 1;
    }
    SSL_set_hostflags(raw, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(raw, host.c_str()) == 1 &&
           SSL_set_tlsext_host_name(raw, host.c_str()) == 1;
}

// Why the certificate was not accepted.
std::string certificate_fault(SSL* raw, const std::string& host) {
    const long verdict = SSL_get_verify_result(raw);
    switch (verdict) {
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "the server's certificate is not for '" + host + "'";
        case X509_V_ERR_CERT_HAS_EXPIRED: return "the server's certificate has expired";
        case X509_V_ERR_CERT_NOT_YET_VALID: return "the server's certificate is not valid yet";
        default:
            return std::string("the server's certificate is not trusted: ") +
                   X509_verify_cert_error_string(verdict);
    }
}

std::string no_tls(const TlsSettings& settings) {
    return "the server does not speak TLS; a plain one is reached by " +
           std::string(settings.plain_scheme) + "://";
}

// Of the types of records, a handshake has two.
bool begins_record(char byte) noexcept {
    constexpr char alert = 21;
    constexpr char handshake = 22;
    return byte == alert || byte == handshake;
}

std::string handshake_fault(unsigned long error, const TlsSettings& settings) {
    switch (ERR_GET_REASON(error)) {
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_PACKET_LENGTH_TOO_LONG: return no_tls(settings);
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            return "the server does not speak TLS 1.2 or later";
        default: return "the TLS handshake failed: " + text_of(error);
    }
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* raw) const noexcept {
    if (!has_ended) SSL_CTX_free(raw);
}
void Tls::Free::operator()(ssl_st* raw) const noexcept {
    if (!has_ended) SSL_free(raw);
}

TlsContext::TlsContext(TlsSettings settings) : settings_{std::move(settings)} {
    start_openssl();
    raw_.reset(SSL_CTX_new(TLS_client_method()));
    if (raw_ == nullptr) throw std::bad_alloc();
    SSL_CTX* const raw = raw_.get();
    ERR_clear_error();
    // What the system demands is kept where it is stricter.
    const long least = std::max<long>(SSL_CTX_get_min_proto_version(raw), TLS1_2_VERSION);
    SSL_CTX_set_min_proto_version(raw, least);
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(raw, settings_.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    const std::string& file = settings_.ca_file;
    const std::string& dir = settings_.ca_dir;
    if (file.empty() && dir.empty()) {
        SSL_CTX_set_default_verify_paths(raw);
    } else {
        if (!dir.empty()) check_directory(dir);
        const bool read = SSL_CTX_load_verify_locations(raw, or_null(file), or_null(dir)) == 1;
        check(read, file.empty() ? "ca_dir" : "ca_file", file.empty() ? dir : file);
    }
    if (settings_.cert_file.empty()) return;
    // OpenSSL would ask the terminal for the passphrase of a key that has one.
    SSL_CTX_set_default_passwd_cb(raw, [](char*, int, int, void*) { return -1; });
    check(SSL_CTX_use_certificate_chain_file(raw, settings_.cert_file.c_str()) == 1, "cert_file",
          settings_.cert_file);
    check(SSL_CTX_use_PrivateKey_file(raw, settings_.key_file.c_str(), SSL_FILETYPE_PEM) == 1 &&
              SSL_CTX_check_private_key(raw) == 1,
          "key_file", settings_.key_file);
}

Tls::Tls(std::shared_ptr<const TlsContext> context, const std::string& host)
    : context_{std::move(context)},
      name_{without_zone(
          context_->settings().server_name.empty() ? host : context_->settings().server_name)},
      raw_{has_ended ? nullptr : SSL_new(context_->raw())} {
    if (raw_ == nullptr) throw std::bad_alloc();
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(raw_.get(), in_, out_);  // both are the session's now
    if (in_ == nullptr || out_ == nullptr) throw std::bad_alloc();
    BIO_set_mem_eof_return(in_, -1);  // an empty buffer is not an end
    if (!expect_host(raw_.get(), name_)) throw std::bad_alloc();
    SSL_set_connect_state(raw_.get());
}

Tls::Handshake Tls::handshake(std::string_view came, std::string& why) {
    const std::lock_guard lock{mutex_};
    if (has_ended) return Handshake::failed;
    ERR_clear_error();
    if (!came.empty()) {
        if (!std::exchange(has_begun_, true) && !begins_record(came.front())) {
            why = no_tls(context_->settings());
            return Handshake::failed;
        }
        BIO_write(in_, came.data(), length(came));
    }
    const int result = SSL_do_handshake(raw_.get());
    if (result == 1) {
        if (!context_->settings().verify || SSL_get_peer_cert_chain(raw_.get()) != nullptr) {
            return Handshake::done;
        }
        why = "the server shows no certificate";
        return Handshake::failed;
    }
    if (SSL_get_error(raw_.get(), result) == SSL_ERROR_WANT_READ) return Handshake::more;
    const unsigned long error = take_error();
    why = ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED
              ? certificate_fault(raw_.get(), name_)
              : handshake_fault(error, context_->settings());
    return Handshake::failed;
}

bool Tls::encrypt(std::string_view plain, std::string& out) {
    const std::lock_guard lock{mutex_};
    if (has_ended) return false;
    ERR_clear_error();
    while (!plain.empty()) {
        const int n = SSL_write(raw_.get(), plain.data(), length(plain));
        if (n <= 0) {
            ERR_clear_error();
            return false;
        }
        plain.remove_prefix(static_cast<std::size_t>(n));
    }
    char* bytes = nullptr;
    const long count = BIO_get_mem_data(out_, &bytes);
    out.append(bytes, static_cast<std::size_t>(count));
    BIO_reset(out_);
    return true;
}

bool Tls::decrypt(std::string_view came, Sink& sink) noexcept {
    const std::lock_guard lock{mutex_};
    if (has_ended) return false;
    ERR_clear_error();
    const int count = length(came);
    if (count > 0 && BIO_write(in_, came.data(), count) != count) return false;
    std::array<char, std::size_t{16} * 1024> plain;
    for (;;) {
        const int n = SSL_read(raw_.get(), plain.data(), static_cast<int>(plain.size()));
        if (n > 0) {
            sink.feed({plain.data(), static_cast<std::size_t>(n)});
            continue;
        }
        const bool waits = SSL_get_error(raw_.get(), n) == SSL_ERROR_WANT_READ;
        const unsigned long error = take_error();
        if (!waits) fault_ = error;
        return waits;
    }
}

bool Tls::has_partial() noexcept {
    const std::lock_guard lock{mutex_};
    if (has_ended) return false;
    // A head whose body has not begun is in none of OpenSSL's buffers, but in its state.
    const bool waits_for_body = SSL_rstate_string(raw_.get()) == std::string_view{"RB"};
    return waits_for_body || SSL_has_pending(raw_.get()) == 1 || BIO_pending(in_) > 0;
}

std::string Tls::take_output() {
    std::string out;
    (void)encrypt({}, out);
    return out;
}

std::string Tls::fault() {
    const std::lock_guard lock{mutex_};
    return fault_ == 0 ? std::string{} : handshake_fault(fault_, context_->settings());
}

}  // namespace leaselock::wire
