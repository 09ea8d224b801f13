# What the tests of the command stand on: a redis-server of their own, and the command as a user runs
# it. Each file is run as `python3 <file> <leaselock>`.
import ctypes
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
PREFIX = "hazel:lock:"
LIMIT = 40  # seconds, for what has to happen at all

# Whoever starts the tests in the background ignores these, and so would all that they start.
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def poll_until(condition, what="a condition"):
    """Waits for what has to happen, however long it takes on a busy machine."""
    end = time.monotonic() + LIMIT
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen")
        time.sleep(0.01)
    return result


def gone_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Server:
    """A redis-server on a unix socket, with nothing persisted, gone with the test."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="leaselock-")
        self.path = os.path.join(self.directory, "redis.sock")
        self.url = f"redis+unix://{self.path}"
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "",
             "--dir", self.directory], stdout=subprocess.DEVNULL, preexec_fn=gone_with_us)
        poll_until(self.answers, "an answer of redis-server")

    def answers(self):
        try:
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    def ask(self, *words):
        """One command; the answer as an int, a text, a list or None."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(LIMIT)
            connection.connect(self.path)
            text = b"*%d\r\n" % len(words)
            for word in words:
                raw = word if isinstance(word, bytes) else str(word).encode()
                text += b"$%d\r\n%s\r\n" % (len(raw), raw)
            connection.sendall(text)
            return read_reply(connection.makefile("rb"))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def read_reply(stream):
    line = stream.readline()
    if not line:
        raise ConnectionError("no reply")
    kind, rest = line[:1], line[1:-2].decode()
    if kind == b"-":
        raise AssertionError(rest)
    if kind == b":":
        return int(rest)
    if kind == b"*":
        return [read_reply(stream) for _ in range(int(rest))]
    if kind == b"$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode()
    return rest


class CliTest(unittest.TestCase):
    """One server for all tests of a class; a directory, and a key of its own, for each."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="leaselock-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.key = self._testMethodName
        # No configuration of the user that runs the tests.
        self.environment = dict(os.environ, LEASELOCK_URL=self.url(), XDG_CONFIG_HOME=self.directory)

    def url(self):
        return self.server.url

    def file(self, name):
        return os.path.join(self.directory, name)

    def lines(self, name):
        try:
            with open(self.file(name), encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def await_line(self, name, line):
        poll_until(lambda: line in self.lines(name), f"'{line}' in {name}")

    def await_said(self, text, name="said"):
        """A line of the file to which standard error goes."""
        poll_until(lambda: any(text in line for line in self.lines(name)),
                   f"'{text}' in {self.lines(name)}")

    def said(self, name="said"):
        """A new file, for standard error."""
        file = open(self.file(name), "w", encoding="utf-8")
        self.addCleanup(file.close)
        return file

    def touch(self, name):
        with open(self.file(name), "w", encoding="utf-8"):
            pass

    def call(self, *words, **options):
        """Runs the command to its end, in a session of its own: it may stop its group, and has no terminal."""
        options = {"env": self.environment, "text": True, "capture_output": True,
                   "timeout": LIMIT, "cwd": self.directory, "stdin": subprocess.DEVNULL,
                   "start_new_session": True} | options
        return subprocess.run([PROGRAM, *words], **options)

    def start(self, *words, **options):
        """Starts the command beside the test; it is gone with it."""
        options = {"env": self.environment, "text": True, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "cwd": self.directory,
                   "stdin": subprocess.DEVNULL, "start_new_session": True} | options
        process = subprocess.Popen([PROGRAM, *words], **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        # What it has started may live on and hold its output, so that is not read to the end.
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()

    def on_terminal(self, *words):
        """What it prints on a terminal."""
        ours, theirs = pty.openpty()
        process = self.start(*words, stdout=theirs)
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 4096):
                text += part
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        self.finish(process)
        return text.decode().replace("\r\n", "\n")

    def finish(self, process):
        """Its exit status and what it said on standard error, when it has ended."""
        _, said = process.communicate(timeout=LIMIT)
        return process.returncode, said

    def expect(self, code, *words, **options):
        result = self.call(*words, **options)
        self.assertEqual(result.returncode, code, result)
        return result

    def expect_complaint(self, code, text, *words, **options):
        """It ends so, and says one line on standard error that has the text."""
        result = self.expect(code, *words, **options)
        self.assertRegex(result.stderr, r"\Aleaselock: [^\n]+\n\Z")
        self.assertIn(text, result.stderr)
        return result.stderr

    def json(self, *words, code=0):
        return json.loads(self.expect(code, *words, "--json").stdout)

    def status(self, key):
        """What `status` tells of a lock; its exit status has to say the same."""
        result = self.call("status", key, "--json")
        told = json.loads(result.stdout)
        self.assertEqual(result.returncode, 75 if told["held"] else 0, result)
        return told

    def token(self, key=None):
        """What lies under the key."""
        return self.server.ask("GET", PREFIX + (key or self.key))

    def hold(self, key=None, *options):
        """A holder beside the test, which ends when the file `end` is there."""
        holder = self.start("run", *options, key or self.key, "--", "sh", "-c",
                            "echo held >>holder; until [ -e end ]; do sleep 0.01; done")
        self.await_line("holder", "held")
        return holder

    def assert_run_in_turn(self, processes, then="true"):
        """Of so many at one key each runs alone: nobody else's line stands between its two."""
        script = f"echo $$ >>log; sleep 0.0$(($$ % 10)); echo $$ >>log; {then}"
        all_of_them = [self.start("run", self.key, "--", "sh", "-c", script)
                       for _ in range(processes)]
        for process in all_of_them:
            self.assertEqual(self.finish(process), (0, ""))
        lines = self.lines("log")
        self.assertEqual(lines[0::2], lines[1::2])
        self.assertEqual(len(set(lines)), processes)

    def state(self, pid):
        """The letter that the kernel has for what a process does; X: there is none."""
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                return file.read().rsplit(") ", 1)[1][0]
        except (FileNotFoundError, ProcessLookupError):
            return "X"

    def is_running(self, pid):
        """Whether there is such a process that has not ended."""
        return self.state(pid) not in "ZX"

    def await_stop(self, pid):
        poll_until(lambda: self.state(pid) == "T", f"a stop of process {pid}")

    def await_end(self, pid):
        poll_until(lambda: not self.is_running(pid), f"the end of process {pid}")


def main():
    del sys.argv[1]
    unittest.main(verbosity=2)
