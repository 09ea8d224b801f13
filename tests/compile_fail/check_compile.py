"""check_compile.py SOURCE INCLUDE COMPILER [FLAGS...]

Compiles SOURCE without making code, and looks for what it says of itself:

  // expect: words    in the first line: it fails, with an error that has these words
  // culprit: text    and the compiler spells this text, as a whole or character by character
  // flags: words     it is compiled with these, too; HERE is the folder of SOURCE
  ...  // refused: words   at the end of a line: there is an error at this line, and these words
                           stand in what the compiler says of the first one; `refused at once:`
                           says that they stand in the first three lines of that, with those that
                           say how the compiler came to it; `refused by clang:` is for what g++
                           does not see

A file without any of them must compile without a warning.
"""

import re
import subprocess
import sys
from os import path

source, include, compiler, *flags = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    text = file.read()


def wish(name):
    found = re.search(rf"^// {name}: (.+)$", text, re.MULTILINE)
    return found.group(1) if found else None


many = ["-ferror-limit=0"] if "clang" in compiler else ["-fmax-errors=0", "-Wuseless-cast"]
command = [compiler, *flags, "-std=c++20", *(wish("flags") or "").replace("HERE", path.dirname(source)).split(), "-fsyntax-only", *many,
           "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-I" + include, source]
run = subprocess.run(command, capture_output=True, text=True, check=False)
# Compilers quote the line, and with it the words that are to be found.
output = re.sub("// refused( by clang| at once)?: .*", "", run.stderr)


def fail(words):
    sys.exit(f"{words}:\n{output}")


# What the compiler says of each error: how it came to it, the error, and the notes of it. g++ says
# first how, clang in notes.
def errors():
    found, how = [], []
    for line in output.splitlines():
        if "error: " in line:
            found.append(("\n".join(how), [line]))
            how = []
        elif " note: " in line and found:  # and how it came to the note
            found[-1][1].extend([*how, line])
            how = []
        elif how or not found or re.search(r"^In file included from |: In (instantiation|substitution|.*function) ", line):
            how.append(line)
        else:
            found[-1][1].append(line)
    return [(how, "\n".join(said)) for how, said in found]


expected, culprit = wish("expect"), wish("culprit")
mark = re.compile(f"// refused( at once{'| by clang' if 'clang' in compiler else ''})?: (.+)$")
refused = [(number, found[1] == " at once", found[2])
           for number, line in enumerate(text.splitlines(), 1) if (found := mark.search(line))]

if expected is None and not refused:
    if run.returncode != 0:
        fail("must compile, and does not")
    sys.exit()
if run.returncode == 0:
    fail("must not compile, and does")

# The words count only in an error, not in a line of source that is quoted below it.
if expected is not None and not any(expected in said.split("\n")[0] for _, said in errors()):
    fail(f'no error says "{expected}"')
if culprit is not None:
    spelled = "".join(f"'{character}', " for character in culprit).removesuffix(", ")
    if not re.search(rf"Culprit<({re.escape(spelled)}|[^\n]*{{\"{re.escape(culprit)}\")", output):
        fail(f"the culprit is not named, {culprit}")
silent = []
for number, at_once, words in refused:
    at = f"{source}:{number}:"
    how, said = next(((how, said) for how, said in errors() if at in how or at in said), ("", ""))
    if words not in ("\n".join(f"{how}\n{said}".strip().splitlines()[:3]) if at_once else said):
        silent.append(f'line {number} is not refused {"at once " if at_once else ""}with "{words}"')
if silent:
    fail("\n".join(silent))
