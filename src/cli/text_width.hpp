// How many columns of a terminal a text takes.
//
// Thread-safety: all functions may be called at once; the locale is that of the calling thread.
#pragma once

#include <locale.h>
#include <string>
#include <string_view>

namespace leaselock::cli {

// What a terminal of the current locale shows of a text that is printable(): what is no character
// there is a question mark.
[[nodiscard]] std::wstring shown(std::string_view text);

[[nodiscard]] int width_of(wchar_t character) noexcept;
[[nodiscard]] int width_of(std::wstring_view text) noexcept;

// While it lives the calling thread takes texts for UTF-8, whatever the locale of the program is.
class InUtf8 {
  public:
    InUtf8() noexcept;
    InUtf8(const InUtf8&) = delete;
    InUtf8& operator=(const InUtf8&) = delete;
    ~InUtf8();

  private:
    locale_t utf8_;
    locale_t before_;
};

}  // namespace leaselock::cli
