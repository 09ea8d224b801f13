# A terminal of the kind vt100, as far as ncurses makes use of it: what a program writes becomes a
# picture. What it does not know is an error, so nothing that could play tricks passes unseen.
import codecs
import re
import unicodedata

SEQUENCE = re.compile(r"\x1b(?:\[([?0-9;]*)([A-Za-z])|[()][AB0]|[=>78MD])")


class Screen:
    def __init__(self, rows, columns):
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.raw = ""  # all that was written
        self.rest = ""  # the beginning of a sequence
        self.clears = 0
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.y = self.x = 0
        self.saved = (0, 0)
        self.region = (0, rows - 1)

    def column_of(self, y, text):
        """Where a text begins in a line."""
        return next(x for x in range(self.columns) if "".join(self.cells[y][x:]).startswith(text))

    def lines(self):
        return ["".join(line).rstrip() for line in self.cells]

    def feed(self, data):
        text = self.decoder.decode(data)
        self.raw += text
        text, self.rest = self.rest + text, ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self.character(text[at])
                at += 1
            elif match := SEQUENCE.match(text, at):
                self.sequence(match)
                at = match.end()
            elif len(text) - at < 12 and re.fullmatch(r"\x1b(\[[?0-9;]*|[()])?", text[at:]):
                self.rest = text[at:]
                return
            else:
                raise AssertionError(f"unknown: {text[at:at + 12]!r}")

    def character(self, c):
        if c == "\r":
            self.x = 0
        elif c == "\n":
            self.down()
        elif c == "\b":
            self.x = max(0, self.x - 1)
        elif c == "\t":
            self.x = min(self.columns - 1, (self.x // 8 + 1) * 8)
        elif c in "\x00\x07\x0e\x0f":  # padding, a bell, character sets
            pass
        elif c < " " or "\x7f" <= c < "\xa0":
            raise AssertionError(f"unknown: {c!r}")
        elif unicodedata.combining(c):
            self.cells[self.y][self.x - 1] += c
        else:
            if self.x == self.columns:  # it wraps when the next one comes
                self.x = 0
                self.down()
            self.cells[self.y][self.x] = c
            self.x += 1
            if unicodedata.east_asian_width(c) in "WF" and self.x < self.columns:
                self.cells[self.y][self.x] = ""  # it takes two places
                self.x += 1

    def down(self):
        top, bottom = self.region
        if self.y == bottom:
            del self.cells[top]
            self.cells.insert(bottom, [" "] * self.columns)
        else:
            self.y = min(self.y + 1, self.rows - 1)

    def up(self):
        top, bottom = self.region
        if self.y == top:
            del self.cells[bottom]
            self.cells.insert(top, [" "] * self.columns)
        else:
            self.y = max(self.y - 1, 0)

    def sequence(self, match):
        parameters, final = match.groups()
        if final is None:
            if match[0] == "\x1b7":
                self.saved = (self.y, self.x)
            elif match[0] == "\x1b8":
                self.y, self.x = self.saved
            elif match[0] == "\x1bM":
                self.up()
            elif match[0] == "\x1bD":
                self.down()
            return
        if parameters.startswith("?") and final in "hl":
            return
        numbers = [int(number or 0) for number in parameters.split(";")]
        many = max(numbers[0], 1)
        if final in "Hf":
            self.y = min(many, self.rows) - 1
            self.x = min(max((numbers + [0])[1], 1), self.columns) - 1
        elif final == "A":
            self.y = max(self.y - many, 0)
        elif final == "B":
            self.y = min(self.y + many, self.rows - 1)
        elif final == "C":
            self.x = min(self.x + many, self.columns - 1)
        elif final == "D":
            self.x = max(self.x - many, 0)
        elif final == "K":
            self.erase_line(numbers[0])
        elif final == "J" and numbers[0] == 0:
            self.clears += self.x == 0 and self.y == 0
            self.erase_line(0)
            for y in range(self.y + 1, self.rows):
                self.cells[y] = [" "] * self.columns
        elif final == "r":
            self.region = (many - 1, (numbers + [self.rows])[1] - 1)
            self.y = self.x = 0
        elif final not in "mhlg":
            raise AssertionError(f"unknown: {match[0]!r}")

    def erase_line(self, how):
        x = min(self.x, self.columns - 1)
        first, last = {0: (x, self.columns), 1: (0, x + 1), 2: (0, self.columns)}[how]
        self.cells[self.y][first:last] = [" "] * (last - first)
