// The fields of a struct by name, as LEASELOCK_FIELDS registers them: a function leaselock_fields
// in the namespace of the struct, found by argument-dependent lookup, lists names and pointers to
// members. Used by the plan of a key to resolve {{user.sub}} from an argument `user`.
//
// Thread-safety: functions without shared state.
#pragma once

#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <leaselock/detail/key_text.hpp>

namespace leaselock::detail {

// Member is a pointer to a data member, or to a member function without parameters.
template <class Member>
struct Field {
    std::string_view name;
    Member member;
};
template <class Member>
Field(std::string_view, Member) -> Field<Member>;

template <class T>
concept HasFields = requires(const T* object) {
    leaselock_fields(object);
};

template <HasFields T>
inline constexpr auto kFields = leaselock_fields(static_cast<const T*>(nullptr));

inline constexpr auto kNoField = static_cast<std::size_t>(-1);

// The part of "address.city" before the first dot, and the one after it.
[[nodiscard]] constexpr std::string_view path_head(std::string_view path) {
    return path.substr(0, position_of(path, '.'));
}
[[nodiscard]] constexpr std::string_view path_tail(std::string_view path) {
    const auto dot = position_of(path, '.');
    return dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
}

template <HasFields T>
[[nodiscard]] constexpr std::size_t field_index(std::string_view name) {
    return std::apply(
        [name](const auto&... fields) {
            std::size_t index = 0;
            const bool found = ((fields.name == name || (++index, false)) || ...);
            return found ? index : kNoField;
        },
        kFields<T>);
}

template <class T, std::size_t Index>
using FieldType = std::remove_cvref_t<
    std::invoke_result_t<decltype(std::get<Index>(kFields<T>).member), const T&>>;

}  // namespace leaselock::detail
