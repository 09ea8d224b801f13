#!/usr/bin/env python3
# site/picture.py: prints docs/pictures/paused-holder.svg, the picture of a paused holder and a fence. Three lines of
# time from left to right: two processes, and the database that they write to, which compares fences. A test holds
# the file to what this prints.
from html import escape

WIDTH, HEIGHT = 520, 336
A, DATABASE, B = 84, 188, 292  # the lines, from above
LEFT, RIGHT = 100, 510
INK, PALE, FIRST, SECOND, BAD = "#1f2430", "#8a93a3", "#0b6bcb", "#0a7d4f", "#c0262d"


def text(x, y, words, colour=INK, anchor="middle", size=15, weight=400):
    return (f'<text x="{x}" y="{y}" fill="{colour}" font-size="{size}" font-weight="{weight}" '
            f'text-anchor="{anchor}">{escape(words)}</text>')


def line(x1, y1, x2, y2, colour=PALE, more=""):
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}" stroke-width="2" {more}/>'


def bar(x1, x2, y, colour, more=""):
    return f'<rect x="{x1}" y="{y - 9}" width="{x2 - x1}" height="18" rx="4" fill="{colour}" {more}/>'


def arrow(x, y1, y2, colour, more=""):
    tip = 8 if y2 > y1 else -8
    return (line(x, y1, x, y2 - tip, colour, more) +
            f'<path d="M{x} {y2} l-6 {-tip - tip // 4} h12 z" fill="{colour}"/>')


def cross(x, y):
    return line(x - 7, y - 7, x + 7, y + 7, BAD, 'stroke-linecap="round"') + \
        line(x - 7, y + 7, x + 7, y - 7, BAD, 'stroke-linecap="round"')


def picture():
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           'font-family="system-ui, sans-serif" aria-labelledby="title">')
    yield ('<title id="title">Process A holds the lock with fence 33 and is paused. Its lease expires, process B gets '
           'the lock with fence 34 and writes. When A wakes up, the database refuses its write.</title>')
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>'
    for y, name in ((A, "process A"), (DATABASE, "database"), (B, "process B")):
        yield text(LEFT - 10, y + 5, name, anchor="end", weight=600)
        yield line(LEFT, y, RIGHT, y)
    # A: its lease, and where it does not run.
    yield bar(108, 262, A, FIRST)
    yield bar(160, 410, A, "#e3e7ee", f'stroke="{PALE}" stroke-dasharray="5 4"')
    yield text(336, A + 5, "paused", "#4a5262")
    yield text(108, A - 40, "lock, fence 33", FIRST, "start", weight=600)
    yield line(262, A - 30, 262, A + 20, BAD, 'stroke-dasharray="4 3"')
    yield text(254, A - 40, "the lease expires", BAD, "start")
    yield text(412, A - 16, "A goes on", anchor="start")
    # B
    yield bar(300, 456, B, SECOND)
    yield text(300, B + 34, "lock, fence 34", SECOND, "start", weight=600)
    # Writes
    yield arrow(130, A + 10, DATABASE - 6, FIRST) + text(140, DATABASE - 40, "write, 33", FIRST, "start")
    yield arrow(340, B - 10, DATABASE + 6, SECOND) + text(350, DATABASE + 46, "write, 34: taken", SECOND, "start")
    yield arrow(440, A + 10, DATABASE - 24, BAD) + cross(440, DATABASE - 14)
    yield text(430, DATABASE - 58, "write, 33:", BAD, "end") + text(430, DATABASE - 40, "refused, 33 < 34", BAD, "end", weight=600)
    yield text(WIDTH - 12, HEIGHT - 8, "time →", "#4a5262", "end", 13)
    yield "</svg>"


print("\n".join(picture()))
