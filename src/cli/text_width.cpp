#include "cli/text_width.hpp"

#include <algorithm>
#include <cwchar>
#include <numeric>

namespace leaselock::cli {

std::wstring shown(std::string_view text) {
    std::wstring result;
    std::mbstate_t state{};
    for (std::size_t at = 0; at < text.size();) {
        wchar_t character = L'?';
        const std::size_t bytes = std::mbrtowc(&character, &text[at], text.size() - at, &state);
        const bool is_wrong = bytes == 0 || bytes > text.size();
        if (is_wrong) state = {};
        result += is_wrong || ::wcwidth(character) < 0 ? L'?' : character;
        at += is_wrong ? 1 : bytes;
    }
    return result;
}

int width_of(wchar_t character) noexcept { return std::max(0, ::wcwidth(character)); }

int width_of(std::wstring_view text) noexcept {
    return std::accumulate(text.begin(), text.end(), 0,
                           [](int sum, wchar_t each) { return sum + width_of(each); });
}

InUtf8::InUtf8() noexcept
    : utf8_{::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)}, before_{::uselocale(utf8_)} {}

InUtf8::~InUtf8() {
    ::uselocale(before_);
    if (utf8_ != nullptr) ::freelocale(utf8_);
}

}  // namespace leaselock::cli
