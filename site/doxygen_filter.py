#!/usr/bin/env python3
"""site/doxygen_filter.py <header>: prints it with its comments as Doxygen wants them. A comment before a name is ///, one
at the end of a line, with the lines below that go on with it, is ///<. The first one is the file's."""
import re
import sys


def plain(comment):
    """A comment has no markup: what looks like it is text. What is indented is code or a table, and stays as it is."""
    if comment.startswith("   "):
        return comment if comment.startswith("     ") else f"  {comment}"
    return re.sub(r"<(?=[A-Za-z/])", r"\\<", comment.replace("\\", "\\\\"))


def main():
    column, head = None, True
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().split("\n")
    for number, line in enumerate(lines):
        alone = re.match(r"( *)//(?!/)(.*)", line)
        trailing = re.match(r"([^\"/]*(?:\"[^\"]*\"[^\"/]*)*[^\"/ ]) +//(?!/) ?(.*)", line)
        if alone and "NOLINT" in alone[2]:
            line = ""
        elif alone and head and number == 0:
            line = f"/// \\file\n///{plain(alone[2])}"
        elif alone:
            after = "<" if column is not None and len(alone[1]) >= column else ""
            column = column if after else None
            line = f"{alone[1]}///{after}{plain(alone[2])}"
        elif trailing and not trailing[1].lstrip().startswith(("#", "}")):
            column = len(trailing[1]) + 1
            line = f"{trailing[1]} ///< {plain(trailing[2])}"
        else:
            column = None
        head = head and bool(alone)
        print(line)


main()
