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

TopControls::Step TopControls::press(char key) {
    if (typed_) return type(key);
    switch (key) {
        case 'q': return Step::quit;
        case ' ': return Step::look;
        case 's': order_.column = next(order_.column); return Step::draw;
        case 'r': order_.reversed = !order_.reversed; return Step::draw;
        case '/': typed_.emplace(); return Step::draw;
        case escape: order_.filter.clear(); return Step::draw;
        default: return Step::nothing;
    }
}

TopControls::Step TopControls::type(char key) {
    if (key == '\r' || key == '\n') {
        order_.filter = *std::exchange(typed_, std::nullopt);
    } else if (key == escape) {
        typed_.reset();
    } else if (key == backspace || key == rubout) {
        drop_last(*typed_);
    } else if (is_control(key)) {
        return Step::nothing;
    } else {
        *typed_ += key;
    }
    return Step::draw;
}

}  // namespace leaselock::cli
