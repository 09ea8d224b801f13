#include "support/tls_peer.hpp"

#include <array>
#include <openssl/err.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include "support/certificates.hpp"
#include "support/free_port.hpp"

namespace leaselock::support {
namespace {

void check(bool is_good, const char* what) {
    if (!is_good) throw std::runtime_error(std::string("TLS peer: ") + what);
}

int length(std::string_view text) { return static_cast<int>(text.size()); }

}  // namespace

TlsEnd::TlsEnd(const std::string& certificate) : context_{SSL_CTX_new(TLS_server_method())} {
    SSL_CTX* const context = context_.get();
    if (certificate.empty()) {
        SSL_CTX_set_security_level(context, 0);
        SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
        check(SSL_CTX_set_cipher_list(context, "aNULL") == 1, "no anonymous cipher");
        SSL_CTX_set_dh_auto(context, 1);
    } else {
        const std::string pem = Certificates::file(certificate + ".pem");
        const std::string key = Certificates::file(certificate + ".key");
        check(SSL_CTX_use_certificate_chain_file(context, pem.c_str()) == 1, "no certificate");
        check(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1, "no key");
    }
    raw_.reset(SSL_new(context));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(raw_.get(), in_, out_);
    BIO_set_mem_eof_return(in_, -1);
    SSL_set_accept_state(raw_.get());
}

void TlsEnd::take_in(std::string_view came) {
    if (!came.empty()) BIO_write(in_, came.data(), length(came));
}

bool TlsEnd::handshake(std::string_view came) {
    take_in(came);
    const int result = SSL_do_handshake(raw_.get());
    has_failed_ = result != 1 && SSL_get_error(raw_.get(), result) != SSL_ERROR_WANT_READ;
    ERR_clear_error();
    return result == 1;
}

void TlsEnd::answer_hello(std::string_view came, std::string_view plain) {
    take_in(came);
    std::array<char, 1> nothing{};
    std::size_t count = 0;
    SSL_read_early_data(raw_.get(), nothing.data(), nothing.size(), &count);
    check(SSL_write_early_data(raw_.get(), plain.data(), plain.size(), &count) == 1, "too early");
}

std::string TlsEnd::decrypt(std::string_view came) {
    take_in(came);
    std::string all;
    std::array<char, 4096> plain{};
    for (;;) {
        const int n = SSL_read(raw_.get(), plain.data(), static_cast<int>(plain.size()));
        if (n <= 0) return all;
        all.append(plain.data(), static_cast<std::size_t>(n));
    }
}

void TlsEnd::say(std::string_view plain) {
    check(SSL_write(raw_.get(), plain.data(), length(plain)) == length(plain), "cannot say");
}

void TlsEnd::say_goodbye() { SSL_shutdown(raw_.get()); }

void TlsEnd::ask_to_renegotiate() {
    check(SSL_renegotiate(raw_.get()) == 1, "cannot ask");
    SSL_do_handshake(raw_.get());
}

std::string TlsEnd::take_output() {
    char* bytes = nullptr;
    const long count = BIO_get_mem_data(out_, &bytes);
    std::string out(bytes, static_cast<std::size_t>(count));
    BIO_reset(out_);
    return out;
}

std::string TlsPeer::Talk::receive() const {
    std::string bytes(std::size_t{64} * 1024, '\0');
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
}

void TlsPeer::Talk::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

void TlsPeer::Talk::handshake() {
    for (;;) {
        const std::string came = receive();
        const bool is_done = end_.handshake(came);
        send_output();
        if (is_done || came.empty() || end_.has_failed()) return;
    }
}

std::string TlsPeer::Talk::hear() {
    std::string said = end_.decrypt({});
    while (said.empty()) {
        const std::string came = receive();
        if (came.empty()) break;
        said = end_.decrypt(came);
    }
    return said;
}

TlsPeer::TlsPeer(std::function<void(Talk&)> talk, std::string certificate)
    : talk_{std::move(talk)},
      certificate_{std::move(certificate)},
      listener_{bind_any_port(port_)} {
    check(::listen(listener_, 16) == 0, "cannot listen");
    thread_ = std::thread{[this] { run(); }};
}

TlsPeer::~TlsPeer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
}

std::string TlsPeer::url() const {
    return "rediss://127.0.0.1:" + std::to_string(port_) +
           "?ca_file=" + Certificates::file("ca.pem");
}

void TlsPeer::run() {
    for (;;) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        Talk talk{fd, certificate_};
        talk_(talk);
        ::close(fd);
    }
}

}  // namespace leaselock::support
