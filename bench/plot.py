#!/usr/bin/env python3
"""bench/plot.py <growth.csv> <directory>: draws what bench/growth has printed, as SVG: growth-held.svg
and growth-waiters.svg, each with processor time on the left and memory on the right. Needs nothing
but Python."""

import csv
import math
import sys
from pathlib import Path

WIDTH, HEIGHT = 420, 260  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 34, 44
COLOURS = ("#1b6ca8", "#c05621", "#2f855a", "#805ad5")


def nice_top(value):
    """A round number that is not below."""
    if value <= 0:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 3, 4, 5, 8, 10) if step * power >= value)


def number(value):
    return f"{value:g}" if value < 10_000 else f"{value / 1000:g}k" if value < 1e6 else f"{value / 1e6:g}M"


class Panel:
    """Lines over a logarithmic count, from 0 up."""

    def __init__(self, title, unit, series):
        self.title, self.unit = title, unit
        self.series = [(name, points) for name, points in series if points]
        counts = [x for _, points in self.series for x, _ in points]
        self.least, self.most = math.log10(min(counts)), math.log10(max(counts))
        self.top = nice_top(1.05 * max(y for _, points in self.series for _, y in points))

    def x(self, count):
        part = (math.log10(count) - self.least) / (self.most - self.least or 1)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return TOP + (1 - value / self.top) * (HEIGHT - TOP - BOTTOM)

    def grid(self):
        for i in range(5):
            value = self.top * i / 4
            y = self.y(value)
            yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(value)}</text>'
        for power in range(math.ceil(self.least), math.floor(self.most) + 1):
            x = self.x(10**power)
            yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{number(10**power)}</text>'

    def lines(self):
        for i, (name, points) in enumerate(self.series):
            colour = COLOURS[i]
            path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
            yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            for x, y in points:
                yield f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3" fill="{colour}"/>'
            x = LEFT + (WIDTH - LEFT) * (i % 2) / 2
            y = HEIGHT - 16 + 12 * (i // 2)
            yield f'<rect x="{x:.0f}" y="{y - 8}" width="10" height="10" fill="{colour}"/>'
            yield f'<text x="{x + 14:.0f}" y="{y + 1}">{name}</text>'

    def svg(self, offset):
        yield f'<g transform="translate({offset},0)">'
        yield f'<text x="{LEFT}" y="18" font-weight="bold">{self.title}</text>'
        yield f'<text x="{WIDTH - RIGHT}" y="18" text-anchor="end">{self.unit}</text>'
        yield from self.grid()
        yield from self.lines()
        yield "</g>"


def draw(path, label, panels):
    height = HEIGHT + 12
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {height}" role="img" '
        f'aria-label="{label}" font-family="sans-serif" font-size="11" fill="#222">',
        f'<rect width="{2 * WIDTH}" height="{height}" fill="white"/>',
    ]
    for i, panel in enumerate(panels):
        out += panel.svg(i * WIDTH)
    path.write_text("\n".join(out + ["</svg>"]) + "\n")


def points(rows, what, column):
    """Memory is 0 where there were too few to tell."""
    return [
        (int(row["count"]), float(row[column]))
        for row in rows
        if row["what"] == what and (column.endswith("_us") or float(row[column]) > 0)
    ]


def main():
    source, directory = Path(sys.argv[1]), Path(sys.argv[2])
    with source.open(newline="") as file:
        rows = list(csv.DictReader(file))
    draw(
        directory / "growth-held.svg",
        "cost of a lock by how many are held",
        [
            Panel("A further lock, by how many are held", "us of processor", [
                ("server", points(rows, "held", "server_us")),
                ("client", points(rows, "held", "client_us")),
            ]),
            Panel("Each lock that is held", "bytes", [
                ("server", points(rows, "held", "server_bytes")),
                ("client", points(rows, "held", "client_bytes")),
            ]),
        ],
    )
    draw(
        directory / "growth-waiters.svg",
        "cost of a turn by how many wait",
        [
            Panel("A turn, by how many wait", "us of processor", [
                ("server, line of one process", points(rows, "line", "server_us")),
                ("client, line of one process", points(rows, "line", "client_us")),
                ("server, each has an entry", points(rows, "queue", "server_us")),
                ("client, each has an entry", points(rows, "queue", "client_us")),
            ]),
            Panel("Each that waits", "bytes", [
                ("server, line of one process", points(rows, "line", "server_bytes")),
                ("client, line of one process", points(rows, "line", "client_bytes")),
                ("server, each has an entry", points(rows, "queue", "server_bytes")),
                ("client, each has an entry", points(rows, "queue", "client_bytes")),
            ]),
        ],
    )


if __name__ == "__main__":
    main()
