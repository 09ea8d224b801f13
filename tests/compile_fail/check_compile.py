"""check_compile.py SOURCE INCLUDE COMPILER [FLAGS...]

Compiles SOURCE without making code, and looks for what it says of itself:

  // expect: words    in the first line: it fails, with an error that has these words
  // advice: words    these words stand in the first three lines that the compiler says of it,
                      without those that only say from where something was included
  // culprit: text    and the compiler spells this text, character by character
  ...  // refused: words   at the end of a line: there is an error at this line, and these words
                           stand in what the compiler says of it

A file without any of them must compile without a warning.
"""

import re
import subprocess
import sys

source, include, compiler, *flags = sys.argv[1:]
many = "-ferror-limit=0" if "clang" in compiler else "-fmax-errors=0"
command = [compiler, *flags, "-std=c++20", "-fsyntax-only", many, "-Wall", "-Wextra", "-Wpedantic",
           "-Wconversion", "-Werror", "-I" + include, source]
run = subprocess.run(command, capture_output=True, text=True, check=False)
output = run.stderr
with open(source, encoding="utf-8") as file:
    text = file.read()


def fail(words):
    sys.exit(f"{words}:\n{output}")


def wish(name):
    found = re.search(rf"^// {name}: (.+)$", text, re.MULTILINE)
    return found.group(1) if found else None


# What the compiler says of each error: its own line, and all until the next.
def errors():
    return re.findall(r"^[^\n]*error: .*?(?=^[^\n]*error: |\Z)", output, re.MULTILINE | re.DOTALL)


expected, advice, culprit = wish("expect"), wish("advice"), wish("culprit")
refused = [(number, line.split("// refused: ")[1]) for number, line
           in enumerate(text.splitlines(), 1) if "// refused: " in line]

if expected is None and not refused:
    if run.returncode != 0:
        fail("must compile, and does not")
    sys.exit()
if run.returncode == 0:
    fail("must not compile, and does")

# The words count only in an error, not in a line of source that is quoted below it.
if expected is not None and not any(expected in error.split("\n")[0] for error in errors()):
    fail(f'no error says "{expected}"')
if culprit is not None:
    spelled = "".join(f"'{character}', " for character in culprit)
    if "Culprit<" + spelled.removesuffix(", ") + ">" not in output:
        fail(f"the culprit is not named, {culprit}")
if advice is not None:
    said = [line for line in output.splitlines()
            if re.search(r": (error|warning|note): |required from", line)]
    if not any(advice in line for line in said[:3]):
        fail(f'the first three lines do not say "{advice}"')
for number, words in refused:
    at = f"{source}:{number}:"
    if not any(at in error and words in error for error in errors()):
        fail(f'line {number} is not refused with "{words}"')
