#include "cli/top_screen.hpp"

#include <algorithm>
#include <chrono>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <leaselock/printable.hpp>

#include "cli/duration.hpp"
#include "cli/output.hpp"
#include "cli/text_width.hpp"
#include "cli/wait_text.hpp"

// Its macros have the names of half the standard library.
#define NCURSES_NOMACROS
#include <curses.h>
#include <termcap.h>

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

constexpr int first_row = 3;  // behind the total, the keys and the headings
constexpr int bar_width = 8;
constexpr int least_text = 10;  // of key and owner each
constexpr int most_for_key = 40;
constexpr int most_for_owner = 20;
constexpr int short_fence = 7;

struct Cell {
    std::string text;
    int width;
    bool right = false;
};

// The text in exactly so many columns.
std::wstring fit(const Cell& cell) {
    std::wstring result = shown(printable(cell.text));
    int used = width_of(result);
    if (used > cell.width) {
        while (!result.empty() && used >= cell.width) {
            used -= width_of(result.back());
            result.pop_back();
        }
        result += L'~';
        ++used;
    }
    const std::wstring space(static_cast<std::size_t>(std::max(0, cell.width - used)), L' ');
    return cell.right ? space + result : result + space;
}

// As many cells as there is room for.
std::wstring join(const std::vector<Cell>& cells, int room) {
    std::wstring line;
    for (const Cell& cell : cells) {
        const int gap = line.empty() ? 0 : 1;
        room -= cell.width + gap;
        if (room < 0) break;
        line.append(static_cast<std::size_t>(gap), L' ');
        line += fit(cell);
    }
    return line;
}

void put(int y, const std::wstring& text, attr_t attributes = A_NORMAL) {
    wattrset(stdscr, static_cast<int>(attributes));
    mvwaddnwstr(stdscr, y, 0, text.c_str(), -1);
    wattrset(stdscr, A_NORMAL);
}

void put_line(int y, const std::string& text, attr_t attributes = A_NORMAL) {
    put(y, fit({text, getmaxx(stdscr)}), attributes);
}

std::string bar(double part) {
    const auto full = static_cast<std::size_t>(std::lround(std::clamp(part, 0.0, 1.0) * bar_width));
    return std::string(full, '#') + std::string(bar_width - full, '.');
}

std::string duration_or_nothing(milliseconds duration) {
    return duration.count() == 0 ? "-" : format_duration(duration);
}

const char* name_of(TopColumn column) {
    switch (column) {
        case TopColumn::key: return "key";
        case TopColumn::remaining: return "remaining";
        case TopColumn::waiting: return "waiting";
        case TopColumn::waited: return "waited";
        case TopColumn::grants: return "grants";
    }
    return "";
}

// What is shown of each lock. Key and owner have what the others leave.
struct Layout {
    int key = 0;
    int owner = 0;
    int fence = 16;
    bool bar = true;
    bool held = true;
};

// Its last digits are those that change.
std::string end_of(std::uint64_t fence, int width) {
    const std::string digits = fmt::format("{}", fence);
    const auto room = static_cast<std::size_t>(width);
    return digits.size() <= room ? digits : '~' + digits.substr(digits.size() - room + 1);
}

std::vector<Cell> cells(const Layout& layout, const TopRow& row) {
    const LockInfo& info = row.info;
    std::vector<Cell> all{{row.key, layout.key}, {holder_of(info), layout.owner}};
    if (layout.bar) all.push_back({bar(row.left), bar_width});
    all.insert(all.end(), {{format_duration(info.remaining), 6, true},
                           {end_of(info.fencing_token, layout.fence), layout.fence, true},
                           {fmt::format("{}", info.waiting), 7, true},
                           {duration_or_nothing(row.waited), 6, true},
                           {fmt::format("{:.1f}/s", row.grants_per_second), 6, true}});
    if (layout.held) all.push_back({format_duration(row.held), 6, true});
    return all;
}

std::vector<Cell> headings(const Layout& layout) {
    std::vector<Cell> all{{"key", layout.key}, {"owner", layout.owner}};
    // The bar and its number have one.
    if (layout.bar) all.push_back({"remaining", bar_width + 1 + 6});
    if (!layout.bar) all.push_back({"left", 6, true});
    all.insert(all.end(), {{"fence", layout.fence, true},
                           {"waiting", 7, true},
                           {"waited", 6, true},
                           {"grants", 6, true}});
    if (layout.held) all.push_back({"held", 6, true});
    return all;
}

int length(const std::string& text) { return width_of(shown(printable(text))); }

// What cells without key and owner leave for these.
int room_in(const Layout& layout) {
    int others = 0;
    for (const Cell& cell : cells(layout, {})) others += cell.width + 1;
    return getmaxx(stdscr) - others;
}

// The key goes first: in a narrow window how long a lock was held, most of the fence and the bar
// are given up for it, but not for more of it than most keys have.
Layout layout_for(const std::vector<TopRow>& rows) {
    int key = least_text;
    int owner = length("owner");
    for (const TopRow& row : rows) {
        key = std::max(key, length(row.key));
        owner = std::max(owner, length(holder_of(row.info)));
    }
    Layout layout;
    const int wanted = std::min(key, most_for_key) + std::min(owner, most_for_owner);
    if (room_in(layout) < wanted) layout.held = false;
    if (room_in(layout) < wanted) layout.fence = short_fence;
    if (room_in(layout) < wanted) layout.bar = false;
    const int room = std::max(room_in(layout), 2 * least_text);
    const int for_owner = std::min(owner, std::max(least_text, room / 4));
    layout.key = std::min(key, room - for_owner);
    layout.owner = room - layout.key;
    return layout;
}

std::string head(const TopModel& model, Clock::time_point now) {
    if (const auto& outage = model.outage()) {
        const auto since = std::chrono::duration_cast<milliseconds>(now - outage->since);
        return fmt::format("no answer for {}: {}", format_duration(since), outage->why);
    }
    return describe(model.total());
}

std::string prompt(const TopControls& controls) {
    if (controls.typed()) return '/' + *controls.typed();
    const TopOrder& order = controls.order();
    return fmt::format("by {}{}{} | q quit  s sort  r reverse  / filter  space refresh",
                       name_of(order.column), order.reversed ? ", reversed" : "",
                       order.filter.empty() ? "" : fmt::format(", with '{}'", order.filter));
}

void put_rows(const std::vector<TopRow>& rows) {
    const int columns = getmaxx(stdscr);
    const Layout layout = layout_for(rows);
    std::wstring names = join(headings(layout), columns);
    names.resize(static_cast<std::size_t>(std::max(columns, 0)), L' ');
    put(2, names, A_REVERSE);
    const auto room = static_cast<std::size_t>(std::max(0, getmaxy(stdscr) - first_row));
    const bool all = rows.size() <= room;
    const std::size_t shown = all ? rows.size() : std::max<std::size_t>(room, 1) - 1;
    int y = first_row;
    for (std::size_t i = 0; i < shown; ++i) put(y++, join(cells(layout, rows[i]), columns));
    if (!all) put_line(y, fmt::format("{} more", rows.size() - shown));
}

}  // namespace

std::unique_ptr<TopScreen> TopScreen::open() {
    const char* const type = std::getenv("TERM");
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return nullptr;
    if (type == nullptr || std::string_view{type} == "dumb") return nullptr;
    // newterm leaves memory behind where it does not know the terminal.
    if (::tgetent(nullptr, type) != 1) return nullptr;
    sigset_t background;
    ::sigemptyset(&background);
    ::sigaddset(&background, SIGTTOU);
    ::sigprocmask(SIG_UNBLOCK, &background, nullptr);
    std::setlocale(LC_CTYPE, "");
    struct sigaction stop {};
    ::sigaction(SIGTSTP, nullptr, &stop);
    screen* const device = ::newterm(nullptr, stdout, stdin);
    ::sigaction(SIGTSTP, &stop, nullptr);
    if (device == nullptr) return nullptr;
    std::unique_ptr<TopScreen> result{new TopScreen{device}};
    cbreak();
    noecho();
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    set_escdelay(25);
    return result;
}

TopScreen::~TopScreen() {
    ::endwin();
    ::delscreen(device_);
}

void TopScreen::draw(const TopModel& model, const TopControls& controls,
                     Clock::time_point now) const {
    werase(stdscr);
    put_line(0, head(model, now), model.outage() ? A_BOLD : A_NORMAL);
    put_rows(model.rows(controls.order()));
    put_line(1, prompt(controls));
    const bool types = controls.typed().has_value();
    if (types) wmove(stdscr, 1, std::min(1 + length(*controls.typed()), getmaxx(stdscr) - 1));
    curs_set(types ? 1 : 0);
    wnoutrefresh(stdscr);
    doupdate();
}

void TopScreen::leave() const { ::endwin(); }

void TopScreen::renew() const {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        resizeterm(size.ws_row, size.ws_col);
    }
    // What was in front meanwhile may have left other settings.
    reset_prog_mode();
    clearok(curscr, TRUE);
}

std::optional<char> TopScreen::key() const {
    for (;;) {
        const int key = wgetch(stdscr);
        if (key == ERR) return {};
        if (key == KEY_BACKSPACE) return '\b';
        if (key == KEY_ENTER) return '\n';
        if (key <= 0xFF) return static_cast<char>(key);
    }
}

bool TopScreen::is_gone() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    return ::poll(&input, 1, 0) == 1 && (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

}  // namespace leaselock::cli
