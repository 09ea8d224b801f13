// What the fields of TlsOptions and a URL's options say of TLS, checked.
//
// Thread-safety: functions without state.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <leaselock/tls.hpp>

#include "wire/tls.hpp"

namespace leaselock::wire {

// What a URL option says, where the field is silent. False: TLS has no option of that name. Throws
// LockError: invalid_url.
[[nodiscard]] bool take_tls_option(const std::string& name, const std::string& value,
                                   TlsOptions& tls);

// For a scheme with TLS; `plain` is the one without, for messages. Reads the files. Throws
// LockError: invalid_option; invalid_url if TLS is not built in.
[[nodiscard]] std::shared_ptr<const TlsContext> tls_context_of(const TlsOptions& tls,
                                                               std::string_view plain);

// For a scheme without TLS; `secure` is the one with it. Throws LockError: invalid_option, if
// something is set.
void refuse_tls_options(const TlsOptions& tls, std::string_view secure);

}  // namespace leaselock::wire
