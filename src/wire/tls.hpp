// TLS without a socket: bytes that came from the network in, plain bytes out, and the other way
// round. Used by Stream, which moves them. TLS 1.2 at least; the server's certificate is
// verified up to a trusted authority and against the name that was asked for, unless the settings
// say otherwise.
//
// tls.cpp has it by OpenSSL; tls_none.cpp stands in where that was not built.
//
// Thread-safety: a TlsContext from all threads at once. Of a Tls, one thread may encrypt while
// another decrypts, as Stream allows for send and read.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "wire/sink.hpp"

struct ssl_ctx_st;
struct ssl_st;
struct bio_st;

namespace leaselock::wire {

struct TlsSettings {
    bool verify = true;
    std::string ca_file{};  // with ca_dir empty too: the system's authorities
    std::string ca_dir{};
    std::string cert_file{};  // the client's certificate, with those that signed it; PEM
    std::string key_file{};
    std::string server_name{};                // to be verified instead of the endpoint's host
    std::string_view plain_scheme = "redis";  // by which a server without TLS is reached
};

// What all connections of a backend share.
class TlsContext {
  public:
    // Reads the files. Throws LockError: invalid_option, with the file and the reason; invalid_url
    // if TLS is not built in.
    explicit TlsContext(TlsSettings settings);

    [[nodiscard]] const TlsSettings& settings() const noexcept { return settings_; }
    [[nodiscard]] ssl_ctx_st* raw() const noexcept { return raw_.get(); }

  private:
    struct Free {
        void operator()(ssl_ctx_st* raw) const noexcept;
    };

    TlsSettings settings_;
    std::unique_ptr<ssl_ctx_st, Free> raw_;
};

// One session.
class Tls {
  public:
    enum class Handshake { done, more, failed };

    // For a connection to that host. Throws std::bad_alloc.
    Tls(std::shared_ptr<const TlsContext> context, const std::string& host);

    // Goes on with the handshake after `came` came; what is to be sent is in take_output().
    // Handshake::failed: `why` says why, in words.
    [[nodiscard]] Handshake handshake(std::string_view came, std::string& why);

    // Appends to `out` what is to be sent for `plain`, after what TLS has to say of its own
    // accord. False: the session is broken.
    [[nodiscard]] bool encrypt(std::string_view plain, std::string& out);

    // Feeds the sink with what `came` means, after what came with the end of the handshake.
    // False: nothing comes after that; the peer ended the session, or it is broken.
    [[nodiscard]] bool decrypt(std::string_view came, Sink& sink) noexcept;

    // Whether a part of a record came that is not complete.
    [[nodiscard]] bool has_partial() noexcept;

    // What is to be sent now.
    [[nodiscard]] std::string take_output();

    // Why decrypt() failed, in words; empty if the peer just ended the session.
    [[nodiscard]] std::string fault();

  private:
    struct Free {
        void operator()(ssl_st* raw) const noexcept;
    };

    const std::shared_ptr<const TlsContext> context_;
    const std::string name_;  // what the certificate must be for
    std::mutex mutex_;        // OpenSSL's objects are for one thread at a time
    std::unique_ptr<ssl_st, Free> raw_;
    bio_st* in_ = nullptr;    // of raw_
    bio_st* out_ = nullptr;   // of raw_
    bool has_begun_ = false;  // something came
    unsigned long fault_ = 0;
};

}  // namespace leaselock::wire
