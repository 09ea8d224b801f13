// Keys from templates that are checked while compiling: LEASELOCK_KEY makes one, LEASELOCK_FIELDS
// registers the fields of a struct, arg<"name"> names an expression. For locks
// whose name has a value in it. A template that comes from a configuration file is a KeyTemplate.
//
//   LEASELOCK_KEY("stock-{{productId}}-{{body.id}}", productId, body.id)
//
// Thread-safety: everything may be used from all threads at once.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <leaselock/detail/key_format.hpp>  // IWYU pragma: keep
#include <leaselock/detail/key_plan.hpp>
#include <leaselock/detail/key_text.hpp>

namespace leaselock {

// Names any expression for a template: arg<"total">(a + b) is what {{total}} takes. An lvalue is
// referred to and must outlive the result; anything else is kept in it.
template <detail::FixedText Name, class T>
[[nodiscard]] constexpr detail::NamedArg<Name, T> arg(T&& value) {
    return {std::forward<T>(value)};
}

}  // namespace leaselock

// LEASELOCK_KEY(template, arguments...) -> std::string
//
// The template is a constant expression: a literal, a constexpr array or a constexpr string_view.
// A placeholder {{name}} takes the argument that is spelled so, where user->id(), user.id(),
// this->user.id and *user.id all spell user.id, and arg<"name">(expression) spells name; else the
// registered field of an argument. Spaces around the name are ignored. One argument may serve
// several placeholders. Each argument is evaluated once. Single braces are literal, balanced and
// at most one pair: the hash tag of a Redis Cluster key, as in "{{{user}}}:cart" or
// "{cart-{{user}}}:7".
//
// A value is a string, a char, a bool, an integer, an enum (through its fmt::formatter, else as its
// number) or anything else that fmt can format. In it '%', '{', '}', control characters, and the
// first byte of the text that separates it from the next placeholder are written as %XX: two lists
// of values never give the same key, and no value moves a hash tag. {{name|raw}} takes the value as
// it is, and with it the promise away.
//
// Does not compile with a wrong template or argument list; the message says what is wrong. Throws
// LockError (Errc::invalid_template), which names the placeholder, if a value is empty or a null
// pointer; and whatever the fmt::formatter of a value throws.
// (The parentheses around it all keep its commas together within another macro.)
#define LEASELOCK_KEY(key_template, ...)                                                    \
    (::leaselock::detail::format_key<                                                       \
         ::leaselock::detail::FixedText<::std::string_view(key_template).size() + 1>{       \
             ::std::string_view(key_template)},                                             \
         ::leaselock::detail::FixedText<sizeof(#__VA_ARGS__)>{#__VA_ARGS__}>(__VA_ARGS__) % \
     __LINE__)

// LEASELOCK_FIELDS(User, sub, id): an argument `user` of type User (or derived from it) serves
// {{user.sub}} and {{user.id}}. A field is a public data member, or a const member function
// without parameters and overloads; a field whose type is registered too has fields of its own,
// {{user.address.city}}. An argument that is itself named user.sub wins. Stands once at namespace
// scope in the namespace of the struct, and must be visible where the key is made. At most 64
// fields.
#define LEASELOCK_FIELDS(Type, ...)                                          \
    [[maybe_unused]] constexpr auto leaselock_fields(const Type*) noexcept { \
        return ::std::tuple{LEASELOCK_DETAIL_EACH_FIELD(Type, __VA_ARGS__)}; \
    }                                                                        \
    static_assert(::leaselock::detail::HasFields<Type>,                      \
                  "leaselock key: LEASELOCK_FIELDS must stand in the namespace of the struct")

// A macro cannot call itself, but what it leaves behind can be scanned again: LEASELOCK_DETAIL_SCAN
// does so 64 times, and each time one more field is taken off the list.
#define LEASELOCK_DETAIL_EACH_FIELD(Type, ...) \
    LEASELOCK_DETAIL_SCAN(LEASELOCK_DETAIL_FIELD(Type, __VA_ARGS__))
#define LEASELOCK_DETAIL_FIELD(Type, member, ...)       \
    ::leaselock::detail::Field{#member, &Type::member}, \
        __VA_OPT__(LEASELOCK_DETAIL_AGAIN LEASELOCK_DETAIL_PARENTHESES(Type, __VA_ARGS__))
#define LEASELOCK_DETAIL_AGAIN() LEASELOCK_DETAIL_FIELD
#define LEASELOCK_DETAIL_PARENTHESES ()
#define LEASELOCK_DETAIL_SCAN(...) \
    LEASELOCK_DETAIL_SCAN16(       \
        LEASELOCK_DETAIL_SCAN16(LEASELOCK_DETAIL_SCAN16(LEASELOCK_DETAIL_SCAN16(__VA_ARGS__))))
#define LEASELOCK_DETAIL_SCAN16(...) \
    LEASELOCK_DETAIL_SCAN4(          \
        LEASELOCK_DETAIL_SCAN4(LEASELOCK_DETAIL_SCAN4(LEASELOCK_DETAIL_SCAN4(__VA_ARGS__))))
#define LEASELOCK_DETAIL_SCAN4(...) \
    LEASELOCK_DETAIL_SCAN1(         \
        LEASELOCK_DETAIL_SCAN1(LEASELOCK_DETAIL_SCAN1(LEASELOCK_DETAIL_SCAN1(__VA_ARGS__))))
#define LEASELOCK_DETAIL_SCAN1(...) __VA_ARGS__
