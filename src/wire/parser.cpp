#include "wire/parser.hpp"

#include <charconv>
#include <cstdint>
#include <hiredis/hiredis.h>
#include <new>
#include <system_error>
#include <utility>

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

// What stands for an integer that is a whole reply. Its value is kept where the reader's user says:
// so the common reply takes no memory from the heap.
redisReply an_integer{};
void* create_integer(const redisReadTask* task, long long value) {
    if (task->parent != nullptr) return original().createInteger(task, value);
    *static_cast<std::int64_t*>(task->privdata) = value;
    return &an_integer;
}

void free_object(void* object) {
    if (object != &an_integer) original().freeObject(object);
}

Functions* functions_of_readers() {
    static Functions functions = [] {
        Functions changed = original();
        changed.createArray = &create_array;
        changed.createString = &create_string;
        changed.createInteger = &create_integer;
        changed.freeObject = &free_object;
        return changed;
    }();
    return &functions;
}

}  // namespace

void Parser::Free::operator()(redisReader* reader) const noexcept { ::redisReaderFree(reader); }

Parser::Parser() : reader_(::redisReaderCreateWithFunctions(functions_of_readers())) {
    if (!reader_) throw std::bad_alloc();
    reader_->privdata = &integer_;
}

// What answers the common command is an integer and comes alone. It needs no reader. One that this
// does not take is left to hiredis: with a sign, or with a zero in front.
bool Parser::take_integer(std::string_view bytes) noexcept {
    constexpr std::size_t shortest = 4;
    if (bytes.size() < shortest || bytes[0] != ':' || bytes[1] < '1' || bytes[1] > '9')
        return false;
    const char* const end = bytes.data() + bytes.size() - 2;
    const auto [stop, error] = std::from_chars(bytes.data() + 1, end, integer_);
    has_integer_ = error == std::errc{} && stop == end && end[0] == '\r' && end[1] == '\n';
    return has_integer_;
}

// A failure here (no memory) is remembered by hiredis and comes out of next().
void Parser::feed(std::string_view bytes) noexcept {
    if (is_empty() && take_integer(bytes)) return;
    ::redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
    unread_ += bytes.size();
}

Parser::Result Parser::next(RespValue& out) noexcept {
    if (std::exchange(has_integer_, false)) {
        out = RespValue{integer_};
        return Result::reply;
    }
    if (unread_ == 0) return Result::more;
    void* raw = nullptr;
    if (::redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) return Result::malformed;
    if (raw == nullptr) return unread_ > max_reply_bytes ? Result::malformed : Result::more;

    RespValue reply =
        raw == &an_integer ? RespValue{integer_} : RespValue{static_cast<redisReply*>(raw)};
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
