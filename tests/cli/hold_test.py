# Goal: hold has a lock until its standard input closes or a signal comes, says when it has it and when it is lost,
# and a script can rely on that as the man page shows. Method: real holders, on a real redis-server; the scripts of
# the man page, in bash and dash.
import json
import os
import pty
import re
import signal
import subprocess

from support import LIMIT, PREFIX, PROGRAM, CliTest, main, poll_until

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


class Hold(CliTest):
    def tearDown(self):
        self.server.ask("FLUSHALL")

    def holder(self, *words, **options):
        """One that has said that it holds the lock, and what it said."""
        process = self.start("hold", *words, self.key, **({"stdin": subprocess.PIPE} | options))
        return process, process.stdout.readline()

    def test_holds_until_standard_input_closes(self):
        holder, said = self.holder()
        event, key, fence = said.rstrip("\n").split("\t")
        self.assertEqual((event, key), ("held", self.key))
        self.assertEqual(int(fence), self.status(self.key)["fencing_token"])
        self.assertIsNone(holder.poll())
        holder.stdin.close()
        self.assertEqual((holder.stdout.read(), holder.stderr.read(), holder.wait(LIMIT)), ("", "", 0))
        self.assertIsNone(self.token())

    def test_tells_it_in_json(self):
        for before, behind in (((), ("--json",)), (("--json",), ())):
            holder = self.start(*before, "hold", *behind, self.key, stdin=subprocess.PIPE)
            told = json.loads(holder.stdout.readline())
            fence = self.status(self.key)["fencing_token"]
            self.assertEqual(told, {"event": "held", "key": self.key, "fencing_token": fence})
            holder.stdin.close()
            self.assertEqual(holder.wait(LIMIT), 0)

    def test_signal_releases_the_lock(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            holder, _ = self.holder()
            holder.send_signal(number)
            self.assertEqual(self.finish(holder), (-number, ""))
            self.assertIsNone(self.token())

    def test_loss_is_told_and_is_the_exit_status(self):
        holder, held = self.holder("--ttl", "3s")
        self.expect(0, "release", "--force", self.key)
        self.assertEqual(holder.wait(LIMIT), 79)
        self.assertEqual(holder.stdout.read(), held.replace("held", "lost"))
        self.assertIn(f"leaselock: lock '{self.key}' is lost", holder.stderr.read())

    def test_stopped_holder_that_goes_on_after_its_lease_says_that_it_is_lost(self):
        holder, _ = self.holder("--ttl", "300ms")
        holder.send_signal(signal.SIGSTOP)
        poll_until(lambda: self.token() is None, "the end of the lease")
        self.expect(0, "run", "-n", self.key, "true")
        holder.stdin.close()
        holder.send_signal(signal.SIGCONT)
        self.assertEqual(holder.wait(LIMIT), 79)

    def test_what_is_in_a_pipe_is_left_there_and_what_has_no_end_is_not_waited_for(self):
        ours, theirs = os.pipe()
        os.write(theirs, b"for somebody else")
        holder, _ = self.holder(stdin=ours)
        os.close(theirs)
        self.assertEqual(self.finish(holder), (0, ""))
        self.assertEqual(os.read(ours, 100), b"for somebody else")
        os.close(ours)
        self.touch("empty")
        for given in (os.devnull, self.file("empty"), "/"):
            descriptor = os.open(given, os.O_RDONLY)
            holder, _ = self.holder(stdin=descriptor)
            os.close(descriptor)
            self.assertNotEqual(self.expect(75, "run", "-w", "50ms", self.key, "true").stderr, "")
            holder.send_signal(signal.SIGTERM)
            self.assertEqual(self.finish(holder), (-signal.SIGTERM, ""))

    def test_end_of_a_terminal_is_a_key(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        holder, _ = self.holder(stdin=theirs)
        os.close(theirs)
        os.write(ours, b"typed\n")
        self.expect(75, "run", "-n", self.key, "true")
        os.write(ours, b"\x04")
        self.assertEqual(self.finish(holder), (0, ""))

    def test_wait_ends_with_standard_input(self):
        other, _ = self.holder()
        waiter = self.start("hold", self.key, stdin=subprocess.PIPE)
        poll_until(lambda: self.status(self.key)["waiting"] == 1, "one that waits")
        waiter.stdin.close()
        self.assertIn("standard input has ended", waiter.stderr.read())
        self.assertEqual((waiter.stdout.read(), waiter.wait(LIMIT)), ("", 75))
        self.assertEqual(self.status(self.key)["waiting"], 0)
        other.stdin.close()
        self.assertEqual(other.wait(LIMIT), 0)
        self.assertIsNone(self.token())

    def test_lock_is_not_held_for_one_that_does_not_read(self):
        ours, theirs = os.pipe()
        os.close(ours)
        holder = self.start("hold", self.key, stdin=subprocess.PIPE, stdout=theirs)
        os.close(theirs)
        self.assertEqual(holder.wait(LIMIT), 71)
        self.assertIsNone(self.token())

    def test_takes_the_options_of_an_acquisition(self):
        holder, _ = self.holder("--shared")
        second, _ = self.holder("-n", "--shared")
        self.expect_complaint(75, "not acquired", "hold", "-n", self.key)
        self.assertEqual(self.expect(0, "hold", "-n", "-E", "0", self.key).stderr, "")
        for process in (holder, second):
            process.stdin.close()
            self.assertEqual(process.wait(LIMIT), 0)
        kept, _ = self.holder("--min-hold", "10m", "--metrics-file", "hold.prom")
        kept.stdin.close()
        self.assertEqual(kept.wait(LIMIT), 0)
        self.assertTrue(self.status(self.key)["kept"])
        self.assertTrue(any(line.startswith("leaselock_acquisitions_total") for line in self.lines("hold.prom")))
        self.expect_complaint(64, "too many arguments", "hold", self.key, "touch", "ran")
        self.expect_complaint(64, "--grace is not known", "hold", "--grace", "3s", self.key)

    # The man page's scripts.

    def script(self, heading):
        with open(os.path.join(ROOT, "man", "leaselock.1"), encoding="utf-8") as page:
            text = re.search(rf"(?ms)^\.SS {heading}\n\.nf\n(.*?)^\.fi$", page.read())[1]
        return text.replace("\\-", "-")

    def run_script(self, text, shell):
        with open(self.file("script"), "w", encoding="utf-8") as file:
            file.write(text)
        environment = self.environment | {"PATH": f"{os.path.dirname(PROGRAM)}:{os.environ['PATH']}"}
        script = subprocess.Popen([shell, "script"], env=environment, cwd=self.directory, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.addCleanup(self.end, script)
        return script

    def assert_section_is_locked(self, text, shell):
        self.key = "stock"
        section = "echo \"$held\"; until [ -e go-on ]; do sleep 0.01; done"
        text = text.replace("# ... the section ...", section) + "echo after\n"
        script = self.run_script(text, shell)
        fence = self.status(self.key)["fencing_token"] if script.stdout.readline() else 0
        self.assertGreater(fence, 0)
        second = self.run_script(text, shell)
        poll_until(lambda: self.status(self.key)["waiting"] == 1, "one that waits")
        self.touch("go-on")
        self.assertEqual(self.finish(script), (0, ""))
        self.assertEqual(self.finish(second), (0, ""))
        self.assertIsNone(self.token())
        os.remove(self.file("go-on"))
        # A script that is killed leaves no lock.
        killed = self.run_script(text, shell)
        killed.stdout.readline()
        killed.kill()
        poll_until(lambda: self.token() is None, "the release")
        # Without a lock there is no section; the exit status is that of hold.
        refused = self.run_script(text.replace("hold stock", "hold --ttl 1ms stock"), shell)
        self.assertEqual(refused.communicate(timeout=LIMIT)[0], "")
        self.assertEqual(refused.returncode, 64)
        # A loss is seen at the end.
        robbed = self.run_script(text.replace("hold stock", "hold --ttl 3s stock"), shell)
        robbed.stdout.readline()
        holder = self.status(self.key)["owner"].rsplit(":", 1)[1]
        self.expect(0, "release", "--force", self.key)
        self.await_end(holder)
        self.touch("go-on")
        self.assertNotIn("after", robbed.communicate(timeout=LIMIT)[0])
        self.assertEqual(robbed.returncode, 79)

    def test_section_of_a_bash_script_is_locked_as_the_man_page_shows(self):
        self.assert_section_is_locked(self.script("A section of a script under a lock, in bash"), "bash")

    def test_bash_sees_a_loss_while_the_section_runs(self):
        self.key = "stock"
        section = "echo in; while kill -0 \"$lock\" 2>/dev/null; do sleep 0.01; done; echo seen"
        text = self.script("A section of a script under a lock, in bash").replace("hold stock", "hold --ttl 3s stock")
        script = self.run_script(text.replace("# ... the section ...", section), "bash")
        script.stdout.readline()
        self.expect(0, "release", "--force", self.key)
        self.assertEqual(script.communicate(timeout=LIMIT)[0], "seen\n")
        self.assertEqual(script.returncode, 79)

    def test_section_of_a_script_of_sh_is_locked_as_the_man_page_shows(self):
        for shell in ("dash", "bash"):
            self.assert_section_is_locked(self.script("The same, in sh"), shell)
            os.remove(self.file("go-on"))

    def test_script_locks_itself_as_the_man_page_shows(self):
        text = "#!/bin/sh\n" + self.script("A script that locks itself, in sh") + "echo \"$LEASELOCK_KEY\" \"$@\"\n"
        with open(self.file("itself"), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o755)
        environment = self.environment | {"PATH": f"{os.path.dirname(PROGRAM)}:{os.environ['PATH']}"}
        call = lambda: subprocess.run(["./itself", "a b", "-n"], env=environment, cwd=self.directory, text=True,
                                      capture_output=True, timeout=LIMIT, check=False)
        told = call()
        self.assertEqual((told.returncode, told.stdout), (0, "nightly a b -n\n"))
        self.key = "nightly"
        holder, _ = self.holder()
        told = call()
        self.assertEqual((told.returncode, told.stdout), (75, ""))
        holder.stdin.close()
        holder.wait(LIMIT)


if __name__ == "__main__":
    main()
