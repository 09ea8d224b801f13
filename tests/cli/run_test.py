# Goal: a command runs while its lock is held, gets what it was given and nothing else, and the exit
# status tells how it went. Method: real commands, on a real redis-server.
import os
import subprocess
import sys
import threading

from support import LIMIT, PREFIX, PROGRAM, CliTest, Server, main, poll_until


class Run(CliTest):
    def test_ends_as_the_command_does(self):
        for status in (0, 1, 7, 75, 79, 255):
            self.expect(status, "run", self.key, "--", "sh", "-c", f"exit {status}")
        self.expect(-9, "run", self.key, "--", "sh", "-c", "kill -KILL $$")
        self.expect(-15, "run", self.key, "--", "sh", "-c", "kill -TERM $$")

    def test_holds_the_lock_while_the_command_runs_and_no_longer(self):
        told = self.expect(0, "run", self.key, "--", "redis-cli", "-s", self.server.path, "GET",
                           PREFIX + self.key).stdout
        self.assertRegex(told, r"\A\S+:[0-9]+/[0-9a-f]{32}\n\Z")
        self.assertIsNone(self.token())

    def test_tells_the_command_of_its_lock(self):
        self.environment |= {"LEASELOCK_KEY": "of another", "OTHER": "stays"}
        script = ('printf "%s\\n" "$LEASELOCK_KEY" "$LEASELOCK_TOKEN" "$LEASELOCK_FENCE" "$OTHER"; '
                  f'redis-cli -s {self.server.path} GET "{PREFIX}$LEASELOCK_KEY"')
        key, token, fence, other, stored = self.expect(
            0, "run", self.key, "--", "sh", "-c", script).stdout.splitlines()
        self.assertEqual((key, token, other), (self.key, stored, "stays"))
        later = self.expect(0, "run", self.key, "--", "sh", "-c", 'echo "$LEASELOCK_FENCE"').stdout
        self.assertGreater(int(later), int(fence))

    def test_hands_the_arguments_on_as_they_are(self):
        words = ["", "[a,b]", "{}", "--", "-x", "--ttl", "a b", "run", "\n", "*"]
        code = "import sys; print(sys.argv[1:])"
        told = self.expect(0, "run", self.key, "--", sys.executable, "-c", code, *words).stdout
        self.assertEqual(told, f"{words}\n")

    def test_takes_the_command_with_and_without_a_mark_before_it(self):
        show = (sys.executable, "-c", "import sys; print(sys.argv[1:])")
        own = ("-n", "--ttl", "--", "-w", "x", self.key)
        for words in ((self.key,), (self.key, "--"), ("-n", self.key), (self.key, "-n"), ("-nE", "3", self.key),
                      ("-w", "3s", self.key, "--ttl=9s"), ("-w3s", self.key), ("--shared", self.key, "-E", "7")):
            told = self.expect(0, "--prefix", "run", "run", *words, *show, *own)
            self.assertEqual(told.stdout, f"{list(own)}\n", words)

    def test_hands_on_the_descriptors_and_signals_it_was_given_and_no_others(self):
        code = ("import os; opened = os.open('/proc/self/fd', os.O_RDONLY);"
                "print(sorted(f'{fd} {os.readlink(f\"/proc/self/fd/{fd}\")}'"
                "  for fd in map(int, os.listdir('/proc/self/fd')) if fd < opened and fd > 1),"
                "[(line[:6], int(line[7:], 16) & 0x7fffffff)"
                "  for line in open('/proc/self/status') if line[:6] in ('SigBlk', 'SigIgn')])")
        given = os.open(self.file("given"), os.O_CREAT | os.O_RDWR)
        self.addCleanup(os.close, given)
        os.set_inheritable(given, True)
        command = [sys.executable, "-c", code]
        plain = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, close_fds=False, check=True)
        told = self.expect(0, "run", self.key, "--", *command, capture_output=False,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, close_fds=False)
        self.assertIn("given", told.stdout)
        self.assertEqual(told.stdout, plain.stdout)

    def test_leaves_a_stream_closed_that_is_closed(self):
        closed = lambda streams, *words: subprocess.run(
            ["sh", "-c", f'exec "$0" "$@" {streams}', PROGRAM, *words], env=self.environment,
            cwd=self.directory, capture_output=True, text=True, check=False)
        told = closed("<&- 2>&-", "run", self.key, "--", "sh", "-c", "ls -l /proc/$$/fd")
        self.assertEqual([line.split()[8] for line in told.stdout.splitlines()[1:]], ["1"])
        self.hold()
        self.assertEqual(closed("2>&-", "run", "-n", self.key, "--", "true").returncode, 75)
        self.assertEqual(closed(">&-", "status", self.key).returncode, 71)

    def test_does_not_wait_if_told_so(self):
        self.hold()
        self.expect_complaint(75, "not acquired", "run", "-n", self.key, "--", "touch", "ran")
        self.expect_complaint(75, "not acquired", "run", "-w", "100ms", self.key, "--", "touch", "ran")
        self.expect_complaint(3, "not acquired", "run", "-nE", "3", self.key, "--", "touch", "ran")
        self.assertEqual(self.expect(0, "run", "-n", "-E", "0", self.key, "--", "touch", "ran").stderr, "")
        self.assertFalse(os.path.exists(self.file("ran")))

    def test_waits_for_the_lock(self):
        holder = self.hold()
        waiters = [self.start("run", *wait, self.key, "--", "sh", "-c", "echo ran >>holder")
                   for wait in ([], ["-w", "1h"])]
        poll_until(lambda: self.server.ask("LLEN", "{%s%s}:ll:2q" % (PREFIX, self.key)) == 2,
                   "two that wait")
        self.touch("end")
        for process in [holder, *waiters]:
            self.assertEqual(self.finish(process), (0, ""))
        self.assertEqual(self.lines("holder"), ["held", "ran", "ran"])

    def test_renews_the_lock(self):
        holder = self.hold(self.key, "--ttl", "3s")
        token = self.token()
        left = lambda: self.server.ask("PTTL", PREFIX + self.key)
        for _ in range(2):
            poll_until(lambda: left() < 2600, "a lease that runs")
            poll_until(lambda: left() > 2600, "a renewal")
        self.assertEqual(self.token(), token)
        self.touch("end")
        self.assertEqual(self.finish(holder), (0, ""))

    def test_keeps_the_lock_for_its_min_hold(self):
        self.expect(0, "run", "--min-hold", "10m", self.key, "--", "true")
        self.assertTrue(self.status(self.key)["kept"])
        self.expect(75, "run", "-n", self.key, "--", "true")

    def test_shares_the_lock_with_other_readers_alone(self):
        reader = self.hold(self.key, "--shared")
        self.expect(0, "run", "-n", "--shared", self.key, "--", "true")
        self.expect(75, "run", "-n", self.key, "--", "true")
        told = self.status(self.key)
        self.assertEqual((told["held"], told["shares"], told["slots"]), (True, 1, 0))
        self.touch("end")
        self.assertEqual(self.finish(reader), (0, ""))
        self.expect(0, "run", "-n", self.key, "--", "true")

    def test_takes_one_of_the_slots(self):
        first = self.hold(self.key, "--slots", "2")
        self.expect(0, "run", "-n", "--slots", "2", self.key, "--", "true")
        told = self.status(self.key)
        self.assertEqual((told["shares"], told["slots"]), (1, 2))
        second = self.start("run", "--slots", "2", self.key, "--", "sh", "-c",
                            "until [ -e end ]; do sleep 0.01; done")
        poll_until(lambda: self.status(self.key)["shares"] == 2, "the second one")
        self.expect(75, "run", "-n", "--slots", "2", self.key, "--", "true")
        self.expect_complaint(64, "number or kind", "run", "-n", "--slots", "3", self.key, "--",
                              "touch", "ran")
        self.touch("end")
        for process in (first, second):
            self.assertEqual(self.finish(process), (0, ""))

    def test_says_if_the_command_cannot_be_run(self):
        self.expect_complaint(127, "No such file", "run", self.key, "--", "no-such-command")
        self.expect_complaint(127, "No such file", "run", self.key, "--", "./no/such")
        self.touch("data")
        self.expect_complaint(126, "Permission denied", "run", self.key, "--", "./data")
        self.expect_complaint(126, "", "run", self.key, "--", "/")
        self.assertIsNone(self.token())

    def test_runs_a_script_without_an_interpreter_line_as_shells_do(self):
        with open(self.file("script"), "w", encoding="utf-8") as script:
            script.write("exit 5\n")
        os.chmod(script.name, 0o755)
        self.expect(5, "run", self.key, "--", "./script")

    def test_says_if_the_backend_is_not_there(self):
        nowhere = "redis+unix://" + self.file("nowhere")
        for wait in ([], ["-n"], ["-w", "1ms"]):
            self.expect_complaint(69, "does the server run", "--url", nowhere, "run", *wait,
                                  self.key, "--", "touch", "ran")
        said = self.expect(69, "--url", nowhere, "run", "-w", "300ms", self.key, "--", "touch", "ran").stderr
        self.assertRegex(said, r"\Aleaselock: [^\n]+; waiting for it\nleaselock: [^\n]+ does the server run[^\n]+\n\Z")
        self.assertFalse(os.path.exists(self.file("ran")))

    def test_waits_for_a_server_that_is_not_there_yet(self):
        server = Server()
        self.addCleanup(server.close)
        server.kill()
        os.remove(server.path)
        waiter = self.start("--url", server.url, "run", "-w", "1h", self.key, "--", "echo", "ran",
                            stderr=self.said())
        self.await_said("; waiting for it")
        self.assertIsNone(waiter.poll())
        server.start()
        self.assert_ran(waiter)

    def assert_ran(self, waiter):
        self.assertEqual(waiter.communicate(timeout=LIMIT), ("ran\n", None))
        self.assertEqual(waiter.returncode, 0)
        self.assertEqual(len(self.lines("said")), 1)

    def test_waits_for_a_server_that_is_busy(self):
        self.server.ask("CONFIG", "SET", "busy-reply-threshold", "10")
        for wait in ((), ("-w", "1h")):
            busy = threading.Thread(target=self.be_busy)
            busy.start()
            poll_until(self.is_busy, "a server that is busy")
            self.expect_complaint(69, "BUSY", "run", "-n", self.key, "--", "touch", "ran")
            waiter = self.start("run", *wait, self.key, "--", "echo", "ran", stderr=self.said())
            self.await_said("BUSY")
            self.assertIsNone(waiter.poll())
            self.server.ask("SCRIPT", "KILL")
            busy.join()
            self.assert_ran(waiter)
        self.assertFalse(os.path.exists(self.file("ran")))

    def be_busy(self):
        with self.assertRaisesRegex(AssertionError, "killed"):
            self.server.ask("EVAL", "while true do end", "0")

    def is_busy(self):
        try:
            self.server.ask("PING")
            return False
        except AssertionError as error:
            return "BUSY" in str(error)

    def test_leaves_alone_what_is_no_lock(self):
        self.server.ask("SADD", PREFIX + self.key, "member")
        self.expect_complaint(69, self.key, "run", self.key, "--", "touch", "ran")
        self.assertFalse(os.path.exists(self.file("ran")))


if __name__ == "__main__":
    main()
