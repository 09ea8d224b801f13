// An answer of a server as text.
//
// Thread-safety: a function without state.
#pragma once

#include <string>

#include "wire/resp_value.hpp"

namespace leaselock::support {

// A string, a status or an error as it is, an integer in digits, nil as "(nil)", an array with one
// element a line.
[[nodiscard]] inline std::string resp_text(const wire::RespView& reply) {
    using Type = wire::RespView::Type;
    switch (reply.type()) {
        case Type::integer: return std::to_string(reply.integer());
        case Type::nil: return "(nil)";
        case Type::array: break;
        default: return std::string(reply.text());
    }
    std::string lines;
    for (std::size_t i = 0; i < reply.size(); ++i) {
        if (i > 0) lines += '\n';
        lines += resp_text(reply.at(i));
    }
    return lines;
}

}  // namespace leaselock::support
