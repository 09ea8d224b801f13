# Goal: where nobody says where the locks are, processes of this machine exclude each other without a
# server, and the kernel frees what they leave. Method: many commands at one key, killed ones, stopped
# ones; in a directory of the test, and once in that of a user who has no LEASELOCK_URL.
import os
import signal
import time

from support import CliTest, main, poll_until

PROCESSES = 20


class Machine(CliTest):
    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def url(self):
        self.locks = self.file("locks")
        return f"file:{self.locks}"

    def files(self):
        return [name for name in os.listdir(self.locks) if not name.startswith(".")]

    def test_runs_one_after_another(self):
        self.assert_run_in_turn(PROCESSES, then="echo $LEASELOCK_FENCE >>fences")
        fences = [int(line) for line in self.lines("fences")]
        self.assertEqual(fences, sorted(set(fences)))
        self.assertEqual(self.files(), [])

    def test_frees_the_lock_of_a_process_that_was_killed_when_its_command_is_gone(self):
        # A ttl of which nobody could wait for the end.
        first = self.start("run", "--ttl", "1h", self.key, "--", "sh", "-c",
                           "while :; do echo first >>log; sleep 0.005; done")
        self.await_line("log", "first")
        second = self.start("run", "--ttl", "1h", self.key, "--", "sh", "-c",
                            "echo second >>log; sleep 0.2; echo second >>log")
        poll_until(lambda: self.status(self.key)["waiting"] == 1, "somebody who waits")
        first.kill()
        self.assertEqual(self.finish(second), (0, ""))
        self.assertEqual(self.lines("log")[-2:], ["second", "second"])

    def test_gives_the_lock_of_a_stopped_process_away_at_the_end_of_its_ttl(self):
        first = self.start("run", "--ttl", "1s", self.key, "--", "sh", "-c", "echo held >>holder; sleep 60")
        self.await_line("holder", "held")
        os.kill(first.pid, signal.SIGSTOP)
        self.await_stop(first.pid)
        began = time.monotonic()
        self.expect(0, "run", self.key, "--", "true")
        self.assertLess(time.monotonic() - began, 10)
        os.kill(first.pid, signal.SIGCONT)
        code, said = self.finish(first)
        self.assertEqual(code, 79, said)

    def test_kills_of_many_leave_nothing_held(self):
        for _ in range(10):
            lines = len(self.lines("log"))
            process = self.start("run", self.key, "--", "sh", "-c", "echo $$ >>log; sleep 60")
            poll_until(lambda: len(self.lines("log")) > lines or process.poll() is not None)
            process.kill()
            process.wait()
        self.expect(0, "run", "-w", "10s", self.key, "--", "true")

    def test_shares_and_slots_are_counted(self):
        holder = self.hold(self.key, "--shared")
        self.expect(0, "run", "-n", "--shared", self.key, "--", "true")
        self.expect_complaint(75, self.key, "run", "-n", self.key, "--", "true")
        self.touch("end")
        self.assertEqual(self.finish(holder), (0, ""))
        self.expect(0, "run", "-n", "--slots", "2", self.key, "--", "true")

    def test_looks_at_and_frees_locks(self):
        holder = self.hold()
        self.assertTrue(self.status(self.key)["held"])
        self.assertEqual([each["key"] for each in self.json("list")], [self.key])
        self.expect(0, "doctor")
        self.expect(0, "release", "--force", self.key)
        self.assertFalse(self.status(self.key)["held"])
        self.touch("end")
        self.assertEqual(self.finish(holder)[0], 79)

    def test_min_hold_outlives_its_process(self):
        self.expect(0, "run", "--min-hold", "1h", "--ttl", "1h", self.key, "--", "true")
        self.expect_complaint(75, self.key, "run", "-n", self.key, "--", "true")

    def test_no_descriptor_gets_into_the_command(self):
        result = self.expect(0, "run", self.key, "--", "ls", "/proc/self/fd")
        self.assertEqual(result.stdout.split(), ["0", "1", "2", "3"])

    def test_is_what_is_used_where_no_url_is_said(self):
        environment = {name: value for name, value in os.environ.items() if name != "LEASELOCK_URL"}
        key = f"{self.key}-{os.getpid()}"
        process = self.start("run", key, "--", "sh", "-c", "echo held >>holder; until [ -e end ]; do sleep 0.01; done",
                             env=environment)
        self.await_line("holder", "held")
        self.expect_complaint(75, key, "run", "-n", key, "--", "true", env=environment)
        self.touch("end")
        self.assertEqual(self.finish(process), (0, ""))

    def test_bad_directories_are_told_in_a_line(self):
        self.expect_complaint(64, "absolute path", "--url", "file:locks", "run", "k", "--", "true")
        self.expect_complaint(69, "No such file", "--url", f"file:{self.locks}/a/b", "run", "k", "--", "true")
        self.touch("file")
        self.expect_complaint(69, "Not a directory", "--url", f"file:{self.file('file')}", "run", "k", "--", "true")


if __name__ == "__main__":
    main()
