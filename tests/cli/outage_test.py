# Goal: a command whose lock cannot be renewed is ended before anybody else can have the lock, with a
# grace to end by itself, and with all that it has started. Method: the server is killed, or paused.
import signal
import time

from loss_support import LossTest
from support import PREFIX, main, poll_until

# Says each 10 ms what time it is, on the clock of the test.
BEATS = """
import time
while True:
    print(time.monotonic(), file=open('beats', 'a'))
    time.sleep(0.01)
"""


class Outage(LossTest):
    def test_by_a_dead_server_ends_the_command_before_its_lease(self):
        process = self.start("run", "--ttl", "6s", "--grace", "2s", self.key, "--", "python3", "-c", BEATS)
        poll_until(lambda: self.lines("beats"), "a beat")
        killed = time.monotonic()
        self.server.kill()
        said = self.assert_lost(process, "SIGTERM")
        self.assertNotIn("SIGKILL to", said)
        # Nothing can have prolonged the lease since.
        self.assertLess(float(self.lines("beats")[-1]), killed + 6)

    def test_leaves_the_command_the_grace_to_end(self):
        process = self.start_command("trap 'echo told >>log; sleep 0.2; echo done >>log; exit 3' TERM",
                                     "--ttl", "6s", "--grace", "2s")
        self.server.kill()
        self.assertNotIn("SIGKILL to", self.assert_lost(process, "SIGTERM"))
        self.assertEqual(self.lines("log"), ["started", "told", "done"])

    def test_leaves_what_the_command_has_started_the_grace_to_end(self):
        grandchild = ("(trap 'sleep 0.3; echo done >>log; exit' TERM; echo ready >>log; "
                      "while :; do sleep 0.01; done) &")
        process = self.start_command(grandchild, "--ttl", "6s", "--grace", "2s")
        self.await_line("log", "ready")
        self.server.kill()
        self.assertNotIn("SIGKILL to", self.assert_lost(process))
        self.assertIn("done", self.lines("log"))

    def test_kills_a_command_and_its_children_that_do_not_listen(self):
        deaf = "trap 'echo told >>log' TERM; "
        process = self.start_command(
            deaf + f"({deaf} echo $BASHPID >>pid; while :; do sleep 0.01; done) &",
            "--ttl", "3s", "--grace", "500ms")
        pid = int(poll_until(lambda: self.lines("pid"), "the pid of a grandchild")[0])
        self.server.kill()
        self.assert_lost(process, "SIGTERM", "SIGKILL to")
        self.assertFalse(self.is_running(pid))
        self.assertEqual(self.lines("log").count("told"), 2)

    def test_kills_what_a_command_that_listens_has_left_behind(self):
        process = self.start_command("(trap '' TERM; echo $BASHPID >>pid; while :; do sleep 0.01; done) &",
                                     "--ttl", "3s", "--grace", "500ms")
        pid = int(poll_until(lambda: self.lines("pid"), "the pid of a grandchild")[0])
        self.server.kill()
        self.assert_lost(process, "SIGTERM", "SIGKILL to")
        self.await_end(pid)

    def test_is_none_if_the_server_comes_back(self):
        process = self.start_command("", "--ttl", "15s", "--grace", "1s")
        renewals = lambda: self.server.ask("PTTL", PREFIX + self.key) > 14000
        poll_until(lambda: not renewals(), "a lease that runs")
        self.server.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        # The next renewal, behind 5 s, is not answered for a second, and is tried again.
        poll_until(lambda: time.monotonic() > stopped + 6, "that a renewal fails")
        self.server.process.send_signal(signal.SIGCONT)
        poll_until(renewals, "a renewal")
        self.touch("end")
        self.assertEqual(self.finish(process), (0, ""))
        self.assertIsNone(self.token())

    def test_is_not_known_if_the_release_is_not_answered(self):
        process = self.start_command("", "--ttl", "1h")
        self.server.kill()
        self.touch("end")
        code, said = self.finish(process)
        self.assertEqual(code, 0, said)
        self.assertIn("may stay held until its ttl is over", said)


if __name__ == "__main__":
    main()
