#include "wire/resp_value.hpp"

#include <hiredis/hiredis.h>

namespace leaselock::wire {
namespace {

RespView::Type type_of(const redisReply& raw) noexcept {
    switch (raw.type) {
        case REDIS_REPLY_STRING: return RespView::Type::string;
        case REDIS_REPLY_STATUS: return RespView::Type::status;
        case REDIS_REPLY_ERROR: return RespView::Type::error;
        case REDIS_REPLY_INTEGER: return RespView::Type::integer;
        case REDIS_REPLY_NIL: return RespView::Type::nil;
        case REDIS_REPLY_ARRAY: return RespView::Type::array;
        default: return RespView::Type::other;
    }
}

}  // namespace

RespView::RespView(const redisReply* raw) noexcept : raw_{raw}, type_{type_of(*raw)} {
    if (type_ == Type::integer) integer_ = raw->integer;
}

std::string_view RespView::text() const noexcept {
    switch (type_) {
        case Type::string:
        case Type::status:
        case Type::error: return {raw_->str, raw_->len};
        default: return {};
    }
}

std::size_t RespView::size() const noexcept { return type_ == Type::array ? raw_->elements : 0; }

RespView RespView::at(std::size_t index) const noexcept {
    return index < size() ? RespView{raw_->element[index]} : RespView{};
}

RespView RespView::value_of(std::string_view name) const noexcept {
    for (std::size_t i = 0; i + 1 < size(); i += 2) {
        if (at(i).text() == name) return at(i + 1);
    }
    return {};
}

void RespValue::free() noexcept { ::freeReplyObject(owned_); }

}  // namespace leaselock::wire
