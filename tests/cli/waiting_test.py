# Goal: a command that waits for a lock says for which holder, how many are before it, since when, and where the locks are: at
# once with -v, and at a terminal when the wait has become a long one. Method: real waiters, on a real redis-server
# and in files; standard error is a file, a pipe or a terminal of the test.
import os
import pty
import re
import time

from support import CliTest, main, poll_until

HOLDER = r"held by [\w.-]+:\d+ since \d\d:\d\d:\d\d"


class Waiting(CliTest):
    def tearDown(self):
        self.touch("end")

    def waiter(self, *words, **options):
        """One that waits; standard error goes to the file `said`."""
        before = self.status(self.key)["waiting"]
        process = self.start("run", *words, self.key, "true", **({"stderr": self.said()} | options))
        poll_until(lambda: self.status(self.key)["waiting"] == before + 1, "a waiter")
        return process

    def locations(self):
        """The environment of each kind of location, and what is said of it."""
        yield self.url(), self.server.path
        yield "file:" + self.file("locks"), self.file("locks")

    def test_verbose_says_for_whom_and_how_many_are_before(self):
        for url, location in self.locations():
            self.environment["LEASELOCK_URL"] = url
            held_at = time.time()
            holder = self.hold()
            waiters = []
            for before in range(3):
                waiters.append(self.waiter("-v"))
                self.await_said(f"waiting for lock '{self.key}'")
                said = "\n".join(self.lines("said"))
                self.assertRegex(said, rf"\Aleaselock: locks are in \S*{location}\n"
                                 rf"leaselock: waiting for lock '{self.key}': {HOLDER}, {before} waiting before us\Z")
                at = time.strptime(re.search(r"since ([\d:]+)", said)[1], "%H:%M:%S")
                seen = time.localtime(held_at)
                apart = (at.tm_hour - seen.tm_hour) * 3600 + (at.tm_min - seen.tm_min) * 60 + at.tm_sec - seen.tm_sec
                self.assertLess(min(apart % 86400, -apart % 86400), 60)
            self.touch("end")
            for process in (holder, *waiters):
                self.assertEqual(self.finish(process)[0], 0)
            os.remove(self.file("end"))
            os.remove(self.file("holder"))

    def test_verbose_says_nothing_of_a_wait_that_there_is_not(self):
        for words in ((), ("--shared",), ("--slots", "2")):
            self.hold(f"{self.key}{words}", *words)
            os.remove(self.file("holder"))
            key = f"{self.key}{words}" if words else self.key
            self.assertNotIn("waiting", self.expect(0, "run", "-v", *words, key, "true").stderr)
        said = self.expect(75, "run", "-nv", f"{self.key}()", "true").stderr
        self.assertNotIn("waiting for", said)

    def test_shares_are_counted(self):
        self.hold(self.key, "--slots", "1")
        self.waiter("-v", "--slots", "1")
        self.await_said("held by 1 of 1 slots, 0 waiting before us")

    def test_long_wait_is_told_at_a_terminal_without_being_asked_for(self):
        self.hold()
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        os.set_blocking(ours, False)
        waiter = self.waiter(stderr=theirs)
        os.close(theirs)
        quiet = self.waiter()
        shown = b""

        def tells():
            nonlocal shown
            try:
                shown += os.read(ours, 65536)
            except BlockingIOError:
                pass
            return shown.endswith(b"\n")

        poll_until(tells, "a line on the terminal")
        self.assertRegex(shown.decode(), rf"\Aleaselock: waiting for lock '{self.key}': {HOLDER}, 0 waiting before us; "
                         rf"locks are in \S*{self.server.path}\r\n\Z")
        self.assertIsNone(waiter.poll())
        self.touch("end")
        waiter.wait()
        quiet.wait()
        self.assertEqual(self.lines("said"), [])


if __name__ == "__main__":
    main()
