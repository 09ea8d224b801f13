#!/usr/bin/env python3
"""site/doxygen_filter.py <header>: prints it with its comments as Doxygen wants them. A comment before a name is ///, one
at the end of a line, with the lines below that go on with it, is ///<. The first one is the file's."""
import re
import sys


class Comments:
    """A comment has no markup: what looks like it is text. What is indented is code or a table, and stays as it is, but
    for a list."""

    def __init__(self):
        self.in_list = False

    def plain(self, comment):
        item = re.match(r" {1,3}- ", comment)
        self.in_list = bool(item) or (self.in_list and comment.startswith("    "))
        if self.in_list:
            comment = comment.lstrip() if item else "  " + comment.lstrip()
        elif comment.startswith("   "):
            return comment if comment.startswith("     ") else f"  {comment}"
        return re.sub(r"<(?=[A-Za-z/])", r"\\<", " " + comment.replace("\\", "\\\\") if item else comment.replace("\\", "\\\\"))


def main():
    column, head, comments = None, True, Comments()
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().split("\n")
    for number, line in enumerate(lines):
        alone = re.match(r"( *)//(?!/)(.*)", line)
        trailing = re.match(r"([^\"/]*(?:\"[^\"]*\"[^\"/]*)*[^\"/ ]) +//(?!/) ?(.*)", line)
        if alone and "NOLINT" in alone[2]:
            line = ""
        elif alone and head and number == 0:
            line = f"/// \\file\n///{comments.plain(alone[2])}"
        elif alone:
            after = "<" if column is not None and len(alone[1]) >= column else ""
            column = column if after else None
            line = f"{alone[1]}///{after}{comments.plain(alone[2])}"
        elif trailing and not trailing[1].lstrip().startswith(("#", "}")):
            column = len(trailing[1]) + 1
            line = f"{trailing[1]} ///< {comments.plain(trailing[2])}"
        else:
            column = None
        head = head and bool(alone)
        print(line)


main()
