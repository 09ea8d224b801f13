#include "wire/parser.hpp"

#include <hiredis/hiredis.h>
#include <new>

namespace leaselock::wire {
namespace {

using Functions = redisReplyObjectFunctions;
using Reader = std::unique_ptr<redisReader, decltype(&::redisReaderFree)>;

// What hiredis itself would call.
const Functions& original() {
    static const Functions functions = [] {
        const Reader reader{::redisReaderCreate(), &::redisReaderFree};
        if (!reader) throw std::bad_alloc();
        return *reader->fn;
    }();
    return functions;
}

// hiredis allocates an array as large as the peer says, and freeing an unfilled one of 2^31
// elements takes seconds. A template, because releases of hiredis differ in the type of the count.
template <typename Count>
void* create_array(const redisReadTask* task, Count elements) {
    if (static_cast<std::size_t>(elements) > Parser::max_array_elements) return nullptr;
    return original().createArray(task, elements);
}

// hiredis skips the two bytes after a text without looking. If they are not the end of a line,
// the two sides disagree on where replies begin.
void* create_string(const redisReadTask* task, char* text, std::size_t length) {
    if (text[length] != '\r' || text[length + 1] != '\n') return nullptr;
    return original().createString(task, text, length);
}

Functions* bounded() {
    static Functions functions = [] {
        Functions changed = original();
        changed.createArray = &create_array;
        changed.createString = &create_string;
        return changed;
    }();
    return &functions;
}

}  // namespace

void Parser::Free::operator()(redisReader* reader) const noexcept { ::redisReaderFree(reader); }

Parser::Parser() : reader_(::redisReaderCreateWithFunctions(bounded())) {
    if (!reader_) throw std::bad_alloc();
}

// A failure here (no memory) is remembered by hiredis and comes out of next().
void Parser::feed(std::string_view bytes) noexcept {
    ::redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
    unread_ += bytes.size();
}

Parser::Result Parser::next(RespValue& out) noexcept {
    void* raw = nullptr;
    if (::redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) return Result::malformed;
    if (raw == nullptr) return unread_ > max_reply_bytes ? Result::malformed : Result::more;

    RespValue reply{static_cast<redisReply*>(raw)};
    const std::size_t rest = reader_->len - reader_->pos;
    if (unread_ - rest > max_reply_bytes) {
        reader_->err = REDIS_ERR_OTHER;
        return Result::malformed;
    }
    unread_ = rest;
    out = std::move(reply);
    return Result::reply;
}

}  // namespace leaselock::wire
