# Goal: bash, zsh and fish load their completions and complete subcommands, options and the command of `run`.
# Method: each shell is asked to complete words that have one end. Usage: completions_test.py <leaselock>
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
FILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "completions")
LIMIT = 40  # seconds
CASES = {  # what is typed after `leaselock`, and what its last word becomes
    "doc": "doctor",
    "--prefix x stat": "status",
    "run --foreg": "--foreground",
    "run -n -w 3s -E 1 key unlikely-na": "unlikely-name",
    "run key -- unlikely-na": "unlikely-name",
    "--url file:/x run --ttl 3s key unlikely-name ./only-fi": "./only-file",
    "bench --ti": "--time",
    "top --inter": "--interval",
}
DASHED = {"run -- -key unlikely-na": "unlikely-name"}  # zsh takes the -- for a word of its own


class Completions(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="leaselock-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        os.symlink("/bin/true", os.path.join(self.directory, "unlikely-name"))
        with open(os.path.join(self.directory, "only-file"), "w", encoding="utf-8"):
            pass
        path = os.pathsep.join([self.directory, os.path.dirname(PROGRAM), os.environ["PATH"]])
        self.environment = {"PATH": path, "HOME": self.directory, "TERM": "xterm", "LC_ALL": "C.UTF-8"}

    def assert_completes(self, complete, cases):
        for typed, end in cases.items():
            self.assertEqual(complete(typed), end, typed)

    def output(self, *words):
        return subprocess.run(words, env=self.environment, cwd=self.directory, capture_output=True, text=True,
                              timeout=LIMIT, check=True).stdout

    def test_bash_completes(self):
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _leaselock; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        source = os.path.join(FILES, "leaselock.bash")
        self.assert_completes(lambda typed: self.output(
            "bash", "--norc", "-c", script, "bash", source, "leaselock", *typed.split()).strip(), CASES | DASHED)

    def test_fish_completes(self):
        source = os.path.join(FILES, "leaselock.fish")
        self.assert_completes(lambda typed: self.output(
            "fish", "--no-config", "-c", f"source {source}; complete -C 'leaselock {typed}'").split("\t")[0].strip(),
            CASES | DASHED)

    def test_zsh_completes(self):
        pid, keys = pty.fork()
        if pid == 0:
            os.chdir(self.directory)
            os.execvpe("zsh", ["zsh", "-f", "-i"], self.environment)
        self.addCleanup(os.close, keys)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        os.set_blocking(keys, False)
        # The name of the command is a function that shows its last word: what the Tab key has made of it.
        os.write(keys, (f"fpath=({FILES} $fpath); PS1=; unsetopt beep prompt_sp; autoload -U compinit; compinit -D -u; "
                        "leaselock() { print -r -- \"<${@[-1]}>\" }; print -r -- 'go''es'\n").encode())
        shown = self.await_text(keys, "", "goes")

        def complete(typed):
            os.write(keys, f"leaselock {typed}\t\n".encode())
            return re.findall(r"<(.*)>", self.await_text(keys, "", ">\r?\n"))[-1]

        self.assertIn("goes", shown)
        self.assert_completes(complete, CASES)

    def await_text(self, keys, shown, pattern):
        end = time.monotonic() + LIMIT
        while not re.search(pattern, shown):
            self.assertLess(time.monotonic(), end, shown)
            try:
                shown += os.read(keys, 65536).decode(errors="replace")
            except BlockingIOError:
                time.sleep(0.01)
        return shown


if __name__ == "__main__":
    unittest.main(verbosity=2)
