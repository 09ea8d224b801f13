// A key template that is known only at run time, for example from a configuration file. Grammar,
// encoding and promises are those of LEASELOCK_KEY, which is to be preferred where the template is
// known while compiling; there are no registered fields here. Used by applications; nothing in the
// library needs it.
//
//   const auto stock = leaselock::KeyTemplate::parse("stock-{{productId}}-{{body.id}}");
//   stock.format({{"productId", 42}, {"body.id", "x"}})          // "stock-42-x"
//
// Thread-safety: a KeyTemplate does not change after parse; const members may be called from all
// threads at once.
#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <vector>

#include <leaselock/detail/export.hpp>
#include <leaselock/detail/key_parse.hpp>
#include <leaselock/detail/key_value.hpp>

namespace leaselock {

// A value as text: strings, char, bool, integers, enums and what else fmt can format, as in
// LEASELOCK_KEY. A null pointer is an empty value, which format refuses.
class KeyValue {
  public:
    // The text that it becomes in a key, before anything is escaped.
    template <class T>
    requires(!std::same_as<T, KeyValue>)
        KeyValue(const T& value) {  // implicit, so that a list of values reads as one
        detail::with_text(value, [this](std::string_view text) { text_ = text; });
    }

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

  private:
    std::string text_;
};

// The name is not copied.
struct NamedValue {
    std::string_view name;
    KeyValue value;
};

class LEASELOCK_EXPORT KeyTemplate {
  public:
    // Throws LockError (Errc::invalid_template); what() has the template, the fault and the
    // place.
    [[nodiscard]] static KeyTemplate parse(std::string_view text);
    // Empty, with Errc::invalid_template in `ec`, where the other one throws. Clears `ec` else.
    [[nodiscard]] static std::optional<KeyTemplate> parse(std::string_view text,
                                                          std::error_code& ec);

    // The key. Every placeholder needs a value that is not empty, every value a placeholder, and no
    // name may come twice: else LockError (Errc::invalid_template).
    [[nodiscard]] std::string format(std::span<const NamedValue> values) const;
    [[nodiscard]] std::string format(std::initializer_list<NamedValue> values) const;
    // Empty, with Errc::invalid_template in `ec`, where the others throw. Clears `ec` else.
    [[nodiscard]] std::string format(std::span<const NamedValue> values, std::error_code& ec) const;
    [[nodiscard]] std::string format(std::initializer_list<NamedValue> values,
                                     std::error_code& ec) const;

    // What was parsed.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

  private:
    explicit KeyTemplate(std::string_view text) : text_(text) {}

    // Empty if there is nothing to refuse.
    [[nodiscard]] detail::KeyFinding read();
    [[nodiscard]] std::string check(std::span<const NamedValue> values) const;
    [[nodiscard]] std::string build(std::span<const NamedValue> values) const;

    std::string text_;
    std::vector<detail::KeyPiece> pieces_;
};

}  // namespace leaselock
