#include "wire/resp_value.hpp"

#include <hiredis/hiredis.h>

namespace leaselock::wire {

RespView::Type RespView::type() const noexcept {
    if (raw_ == nullptr) return Type::other;
    switch (raw_->type) {
        case REDIS_REPLY_STRING: return Type::string;
        case REDIS_REPLY_STATUS: return Type::status;
        case REDIS_REPLY_ERROR: return Type::error;
        case REDIS_REPLY_INTEGER: return Type::integer;
        case REDIS_REPLY_NIL: return Type::nil;
        case REDIS_REPLY_ARRAY: return Type::array;
        default: return Type::other;
    }
}

std::string_view RespView::text() const noexcept {
    switch (type()) {
        case Type::string:
        case Type::status:
        case Type::error: return {raw_->str, raw_->len};
        default: return {};
    }
}

std::int64_t RespView::integer() const noexcept {
    return type() == Type::integer ? raw_->integer : 0;
}

std::size_t RespView::size() const noexcept { return type() == Type::array ? raw_->elements : 0; }

RespView RespView::at(std::size_t index) const noexcept {
    return index < size() ? RespView{raw_->element[index]} : RespView{};
}

RespValue& RespValue::operator=(RespValue&& other) noexcept {
    std::swap(raw_, other.raw_);
    std::swap(owned_, other.owned_);
    return *this;
}

RespValue::~RespValue() {
    if (owned_ != nullptr) ::freeReplyObject(owned_);
}

}  // namespace leaselock::wire
