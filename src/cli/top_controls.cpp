#include "cli/top_controls.hpp"

#include <utility>

#include "cli/output.hpp"

namespace leaselock::cli {
namespace {

constexpr char escape = '\x1b';
constexpr char backspace = '\b';
constexpr char rubout = '\x7f';

// The last character, which may have several bytes.
void drop_last(std::string& text) {
    while (!text.empty()) {
        const char last = text.back();
        text.pop_back();
        if ((static_cast<unsigned char>(last) & 0xC0U) != 0x80U) return;
    }
}

TopColumn next(TopColumn column) {
    return static_cast<TopColumn>((static_cast<int>(column) + 1) % top_columns);
}

}  // namespace

TopControls::Reaction TopControls::press(char key) {
    if (typed_) return type(key);
    switch (key) {
        case 'q': return Reaction::quit;
        case ' ': return Reaction::refresh;
        case 's': order_.column = next(order_.column); return Reaction::draw;
        case 'r': order_.reversed = !order_.reversed; return Reaction::draw;
        case '/': typed_.emplace(); return Reaction::draw;
        case escape: order_.filter.clear(); return Reaction::draw;
        default: return Reaction::nothing;
    }
}

TopControls::Reaction TopControls::type(char key) {
    if (key == '\r' || key == '\n') {
        order_.filter = *std::exchange(typed_, std::nullopt);
    } else if (key == escape) {
        typed_.reset();
    } else if (key == backspace || key == rubout) {
        drop_last(*typed_);
    } else if (is_control(key)) {
        return Reaction::nothing;
    } else {
        *typed_ += key;
    }
    return Reaction::draw;
}

}  // namespace leaselock::cli
