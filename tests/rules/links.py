# links.py, in the root of a tree: prints each link of its Markdown pages that leads nowhere, or to a heading that is
# not there, and each page of docs/ that docs/index.md does not lead to by some way.
import os
import re
import sys
from collections import Counter

FENCE = re.compile(r"^ *```")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"")


def markdown():
    for top, directories, files in os.walk("."):
        directories[:] = [d for d in directories if d not in (".git", "build", "install")]
        yield from (os.path.normpath(os.path.join(top, f)) for f in files if f.endswith(".md"))


def prose(path):
    """Lines outside of code blocks, with their numbers."""
    inside = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if FENCE.match(line):
                inside = not inside
            elif not inside:
                yield number, line


def anchors(path):
    seen, found = Counter(), set()
    for _, line in prose(path):
        heading = re.match(r"#+ +(.*)", line)
        if heading:
            name = re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", re.sub(r"\]\([^)]*\)", "", heading[1]).strip().lower()))
            found.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
        found.update(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line))
    return found


def links(path):
    for number, line in prose(path):
        for found in LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            yield number, found[1] or found[2]


def main():
    complaints, led_to = [], {}
    for page in sorted(markdown()):
        led_to[page] = set()
        for number, link in links(page):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(page), file)) if file else page
            if not os.path.exists(target) or target.startswith(".."):
                complaints.append(f"{page}:{number}: leads nowhere: {link}")
            elif anchor and anchor not in anchors(target):
                complaints.append(f"{page}:{number}: no such heading: {link}")
            led_to[page].add(target)
    reached, todo = set(), ["docs/index.md"]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            todo += [p for p in led_to.get(page, ()) if p in led_to]
    complaints += [f"{page}: docs/index.md does not lead here"
                   for page in led_to if page.startswith("docs/") and page not in reached]
    print("\n".join(complaints), end="\n" if complaints else "")
    sys.exit(bool(complaints))


main()
