#include "wire/tls_options.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include <leaselock/error.hpp>

namespace leaselock::wire {
namespace {

struct TlsText {
    std::string_view name;
    std::string TlsOptions::*field;
};
constexpr std::array tls_texts{
    TlsText{"ca_file", &TlsOptions::ca_file}, TlsText{"ca_dir", &TlsOptions::ca_dir},
    TlsText{"cert_file", &TlsOptions::cert_file}, TlsText{"key_file", &TlsOptions::key_file},
    TlsText{"server_name", &TlsOptions::server_name}};

// OpenSSL reads a text as far as the first NUL.
void check_texts(const TlsOptions& tls) {
    for (const auto& [name, field] : tls_texts) {
        if ((tls.*field).find('\0') == std::string::npos) continue;
        throw LockError(Errc::invalid_option,
                        fmt::format("{} has a NUL byte, allowed is any other", name));
    }
    constexpr std::size_t longest = 255;
    if (tls.server_name.size() <= longest) return;
    throw LockError(Errc::invalid_option,
                    fmt::format("server_name has {} bytes, allowed are 1 to {}",
                                tls.server_name.size(), longest));
}

}  // namespace

bool take_tls_option(const std::string& name, const std::string& value, TlsOptions& tls) {
    if (name == "verify") {
        if (value != "on" && value != "off") {
            throw LockError(Errc::invalid_url,
                            "URL option verify is wrong, allowed are on and off");
        }
        if (!tls.verify) tls.verify = value == "on";
        return true;
    }
    const auto known = std::find_if(tls_texts.begin(), tls_texts.end(),
                                    [&](const TlsText& text) { return text.name == name; });
    if (known == tls_texts.end()) return false;
    if (value.empty()) {
        throw LockError(Errc::invalid_url,
                        fmt::format("URL option {} is empty, allowed is 1 byte or more", name));
    }
    if ((tls.*known->field).empty()) tls.*known->field = value;
    return true;
}

std::shared_ptr<const TlsContext> tls_context_of(const TlsOptions& tls, std::string_view plain) {
    check_texts(tls);
    if (tls.cert_file.empty() != tls.key_file.empty()) {
        throw LockError(Errc::invalid_option,
                        fmt::format("cert_file = '{}' and key_file = '{}', allowed are both or "
                                    "neither",
                                    tls.cert_file, tls.key_file));
    }
    return std::make_shared<TlsContext>(TlsSettings{
        .verify = tls.verify.value_or(true),
        .ca_file = tls.ca_file,
        .ca_dir = tls.ca_dir,
        .cert_file = tls.cert_file,
        .key_file = tls.key_file,
        .server_name = tls.server_name,
        .plain_scheme = plain,
    });
}

void refuse_tls_options(const TlsOptions& tls, std::string_view secure) {
    for (const auto& [name, field] : tls_texts) {
        if ((tls.*field).empty() && (name != "ca_file" || !tls.verify)) continue;
        throw LockError(Errc::invalid_option,
                        fmt::format("{} is set, allowed with {} only",
                                    (tls.*field).empty() ? "verify" : name, secure));
    }
}

}  // namespace leaselock::wire
