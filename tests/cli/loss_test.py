# Goal: a command whose lock is taken away is ended as soon as that is known, and its user hears of it.
# Method: the key is deleted, freed by force or outlived; leaselock is stopped meanwhile.
import os
import signal
import time

from loss_support import LossTest
from support import LIMIT, PREFIX, main, poll_until


class Loss(LossTest):
    def test_has_a_grace_of_a_third_of_the_ttl_at_most(self):
        process = self.start_command("", "--ttl", "6s", "--grace", "1h")
        left = lambda: self.server.ask("PTTL", PREFIX + self.key)
        poll_until(lambda: left() < 5500, "a lease that runs")
        poll_until(lambda: left() > 5500, "a renewal")
        self.touch("end")
        self.assertEqual(self.finish(process), (0, ""))

    def test_by_a_key_that_is_gone_kills_the_command_at_the_next_renewal(self):
        process = self.start_command("trap '' TERM", "--ttl", "9s", "--grace", "0")
        started = time.monotonic()
        self.server.ask("DEL", PREFIX + self.key)
        self.assert_lost(process, "is lost: SIGKILL")
        # The renewal is due behind 3 s; left alone the command would have gone on for 9.
        self.assertLess(time.monotonic(), started + 7)

    def test_by_a_key_that_another_has_spares_his_lock(self):
        process = self.start_command("", "--ttl", "3s")
        self.expect(0, "release", "--force", self.key)
        self.server.ask("SET", PREFIX + self.key, "another", "NX")
        self.assert_lost(process, "is lost: SIGKILL")
        self.assertEqual(self.token(), "another")

    def test_while_leaselock_is_stopped_is_found_when_it_goes_on(self):
        process = self.start_command("", "--ttl", "2s", "--grace", "100ms")
        process.send_signal(signal.SIGSTOP)
        poll_until(lambda: self.token() is None, "the end of the lease")
        process.send_signal(signal.SIGCONT)
        self.assert_lost(process, "is lost: SIGKILL")

    def test_ends_the_command_though_nobody_reads_what_is_said(self):
        ours, theirs = os.pipe()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        os.set_blocking(theirs, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(theirs, bytes(4096))
        os.set_blocking(theirs, True)
        process = self.start("run", "--ttl", "1s", self.key, "--", "sh", "-c",
                             "trap '' TERM; echo $$ >>log; while :; do sleep 0.01; done", stderr=theirs)
        pid = int(poll_until(lambda: self.lines("log"), "the command")[0])
        self.server.ask("DEL", PREFIX + self.key)
        self.await_end(pid)
        self.assertEqual(process.wait(LIMIT), 79)

    def test_is_told_if_the_command_has_ended_meanwhile(self):
        process = self.start_command("", "--ttl", "1h")
        self.server.ask("DEL", PREFIX + self.key)
        self.touch("end")
        self.assert_lost(process, "was lost before the command ended, with 0")


if __name__ == "__main__":
    main()
