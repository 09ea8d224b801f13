# Goal: the man page, the completions and the page know each command and option that --help has, and none that
# it has not. Method: they are read; bash's is also asked. Usage: docs_test.py <leaselock>
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BASH = os.path.join(ROOT, "completions", "leaselock.bash")


def help_of(*words):
    return subprocess.run([PROGRAM, *words, "--help"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def options_of(text):
    """The options that a help has, from the lines that begin with one."""
    return {option for line in re.findall(r"(?m)^  (-[^ ]+)", text) for option in line.split(",")}


SHARED = options_of(help_of())
COMMANDS = re.findall(r"(?m)^  ([a-z]+)  +[A-Z]", help_of().split("Subcommands:")[1])
OPTIONS = {command: options_of(help_of(command)) for command in COMMANDS}
ALL = SHARED.union(*OPTIONS.values())


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def as_words(text):
    return set(re.findall(r"(?<![\w-])--?[A-Za-z][a-z-]*", text))


class Docs(unittest.TestCase):
    def test_help_was_understood(self):
        self.assertEqual(COMMANDS, ["run", "hold", "status", "list", "top", "wait", "release", "doctor", "bench", "init"])
        self.assertTrue({"-E", "--conflict-exit-code", "-h", "--url", "--json"} <= ALL)

    def test_the_man_page_has_all(self):
        page = read("man", "leaselock.1").replace("\\-", "-")
        for command in COMMANDS:
            self.assertRegex(page, rf"(?m)^\.SS {command}$")
        ours = page.split(".SH COMPARED WITH FLOCK")[0]
        headings = "\n".join(re.findall(r"(?m)^\.(?:B|BI|BR) (?:-.*)$", ours))
        self.assertEqual(as_words(headings), ALL)

    def columns_of(self, *words):
        """The columns that the man page names for a command, and the fields that it prints, which are as many as
        the columns of a line."""
        page = read("man", "leaselock.1").split(".SH OUTPUT\n")[1].split(".PP")[0]
        tag = rf"(?m)^\.TP\n\.BR? [^\n]*\b{words[0]}\b[^\n]*\n([^\n]*?)(?:;[^\n]*)?$"
        named = re.search(tag, page)[1].split(", ")
        with tempfile.TemporaryDirectory() as directory:
            environment = os.environ | {"LEASELOCK_URL": f"file:{directory}/locks", "XDG_CONFIG_HOME": directory}
            call = lambda *more: subprocess.run([PROGRAM, "run", "key", PROGRAM, *words, *more], env=environment,
                                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                                check=False).stdout
            told = json.loads(call("--json"))
            record = told[0] if isinstance(told, list) else told
            lines = [line for line in call().splitlines() if not line.startswith("# ")]
        if words[0] != "wait":
            self.assertEqual(lines[0].count("\t") + 1, len(record), lines)
        return named, list(record)

    def test_the_man_page_names_the_columns_in_their_order(self):
        for words in (("list",), ("wait", "-w", "0", "key"), ("top", "--count", "1"), ("release", "--force", "key"),
                      ("doctor",), ("bench", "--time", "10ms")):
            named, printed = self.columns_of(*words)
            self.assertEqual(printed, named, words)
        named, printed = self.columns_of("status", "key")
        self.assertEqual(printed, named + ["directory"])

    def test_the_man_page_has_a_section_for_each_question(self):
        sections = re.findall(r"(?m)^\.SH (.*)$", read("man", "leaselock.1"))
        self.assertEqual(sections, ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "OUTPUT", "SCRIPTS",
                                    "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "COMPARED WITH FLOCK",
                                    "SEE ALSO"])
        page = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", os.path.join(ROOT, "man", "leaselock.1")],
                              capture_output=True, text=True, check=True, env=os.environ | {"MANWIDTH": "80"})
        self.assertEqual(page.stderr, "")
        for command in COMMANDS:
            self.assertRegex(page.stdout, rf"(?m)^   ?    ?leaselock {command} ")

    def test_the_man_page_has_each_exit_status_of_the_help(self):
        helped = help_of().split("Exit status: ")[1].split("\n\n")[0]
        page = read("man", "leaselock.1").split(".SH EXIT STATUS\n")[1].split(".SH")[0]
        self.assertEqual(set(re.findall(r"(?m)^\.B (\d+)", page)), set(re.findall(r"(?:^|; )(\d+)", helped.replace("\n", " "))))

    def test_the_configuration_of_the_man_page_is_one(self):
        text = read("man", "leaselock.1").split(".SH FILES\n")[1].split(".nf\n")[1].split(".fi")[0]
        with tempfile.TemporaryDirectory() as directory:
            file = os.path.join(directory, "config.toml")
            with open(file, "w", encoding="utf-8") as config:
                config.write(text.replace("redis://db:6379", f"file:{directory}/locks"))
            told = subprocess.run([PROGRAM, "--config", file, "run", "key", PROGRAM, "--config", file, "--json", "list"],
                                  env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
        self.assertIn(f"locks are in {directory}/locks", told.stderr)
        self.assertTrue(30_000 < json.loads(told.stdout)[0]["remaining_ms"] <= 60_000)

    def test_the_page_has_all(self):
        text = read("docs", "reference", "command.md")
        for option in ALL - {"-h", "--help", "--version"}:
            self.assertIn(f"`{option}`", text)
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^\| `{command}[ `]")

    def test_completions_of_zsh_have_all(self):
        text = read("completions", "_leaselock")
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^ +'{command}:")
            self.assertRegex(text, rf"(?m)^ +{command}\)")
        described = re.findall(r"(--?[A-Za-z][a-z-]*)(?=\[)|\{(-[^}]*)\}'?\[", text)
        self.assertEqual({each for pair in described for part in pair for each in part.split(",") if each},
                         ALL)

    def test_completions_of_fish_have_all(self):
        text = read("completions", "leaselock.fish")
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m) -a {command} -d ")
        self.assertEqual({"--" + name for name in re.findall(r"(?m)^complete .* -l ([a-z-]+)", text)} |
                         {"-" + name for name in re.findall(r" -s ([A-Za-z])", text)}, ALL)

    def bash_offers(self, *words):
        """What bash offers for the last of the words."""
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _leaselock; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        told = subprocess.run(["bash", "-c", script, "bash", BASH, "leaselock", *words],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
        return set(told.split())

    def test_bash_offers_what_fits(self):
        store = SHARED - {"--version"}
        self.assertEqual(self.bash_offers(""), set(COMMANDS) | SHARED)
        self.assertEqual(self.bash_offers("--url", "x", "re"), {"release"})
        for command in COMMANDS:
            behind = {"--"} if command == "run" else set()
            offered = OPTIONS[command] | store | behind
            self.assertEqual(self.bash_offers(command, "-"), offered - ({"--json"} if command == "run" else set()))
        self.assertEqual(self.bash_offers("run", "-w", ""), set())
        self.assertIn("env", self.bash_offers("run", "-n", "key", "--", "en"))
        self.assertEqual(self.bash_offers("run", "-n", "key", "--", "sh", BASH[:-3]), {BASH})


if __name__ == "__main__":
    unittest.main(verbosity=2)
