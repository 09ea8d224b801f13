# Goal: on a terminal the command is in front, as if leaselock were not there: it reads, Ctrl-C and
# Ctrl-Z are for it, and the shell gets the terminal back. Method: bash on a terminal of its
# own, whose keys the test presses.
import os
import pty
import re
import signal

from support import PREFIX, PROGRAM, CliTest, gone_with_us, main, poll_until

JOBS = "-m"  # bash controls jobs, as at a prompt
REPORT = ("import os, sys\n"
          "print('in front', os.tcgetpgrp(0) == os.getpgrp(),"
          " 'own group', os.getpgrp() == os.getpid(), flush=True)\n")


class Terminal(CliTest):
    def setUp(self):
        super().setUp()
        self.environment["RUN"] = f"{PROGRAM} run {self.key}"
        self.environment["PS1"] = ""
        self.shown = ""

    def shell(self, script, *options, program="bash"):
        """A shell, in front of a new terminal, runs the script."""
        pid, self.keys = pty.fork()
        if pid == 0:
            gone_with_us()
            os.chdir(self.directory)
            os.execvpe(program, [program, *options, "-c", script], self.environment)
        self.pid = pid
        os.set_blocking(self.keys, False)
        self.addCleanup(os.close, self.keys)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)

    def shows(self, text):
        try:
            self.shown += os.read(self.keys, 65536).decode().replace("\r\n", "\n")
        except OSError:  # nothing more, or all have hung up
            pass
        return re.search(text, self.shown)

    def await_text(self, text):
        try:
            return poll_until(lambda: self.shows(text), text)
        except AssertionError as error:
            raise AssertionError(f"{error}; shown: {self.shown}") from None

    def press(self, keys):
        os.write(self.keys, keys)

    def python(self, code):
        with open(self.file("command.py"), "w", encoding="utf-8") as file:
            file.write(code)
        return "python3 -u command.py"

    def test_is_the_commands_while_it_runs_and_the_shells_afterwards(self):
        command = self.python(REPORT + "print('read', input())\n")
        for options in ([JOBS], []):  # a shell without job control does not look after the terminal
            self.shown = ""
            self.shell(f"$RUN -- {command}; read line; echo \"shell read $line\"", *options)
            self.await_text("in front True own group True")
            self.press(b"for the command\n")
            self.await_text("read for the command")
            self.press(b"for the shell\n")
            self.await_text("shell read for the shell")

    def test_stays_with_us_in_a_pipeline_and_where_it_is_told_so(self):
        command = self.python(REPORT)
        self.shell(f"$RUN -- {command} | cat; $RUN --foreground -- {command}; echo done", JOBS)
        self.await_text("in front False own group True")
        self.await_text("in front True own group False")
        self.await_text("done")

    def test_interrupts_the_command_once(self):
        # It takes each signal out at once, so that a second one is seen.
        note = ("import signal\n"
                "keys = {signal.SIGINT, signal.SIGQUIT}\n"
                "signal.pthread_sigmask(signal.SIG_BLOCK, keys)\n"
                "print('ready', flush=True)\n"
                "while signal.sigwaitinfo(keys).si_signo == signal.SIGINT: print('told', flush=True)\n"
                "exit(7)\n")
        deaf = "| (trap '' INT QUIT; cat)"  # in front, where the keys are heard
        for words, behind in (("", ""), ("--foreground", ""), ("", deaf), ("--foreground", deaf)):
            self.shown = ""
            self.shell("set -o pipefail; "
                       f"$RUN {words} -- {self.python(note)} {behind}; echo ended $?", JOBS)
            self.await_text("ready")
            self.press(b"\x03")
            self.await_text("told")
            self.press(b"\x1c")
            self.await_text("ended 7")
            self.assertEqual(self.shown.count("told"), 1, words + behind)

    def test_stops_the_command_and_continues_it(self):
        command = self.python("import os\nprint('pid', os.getpid(), flush=True)\n"
                              "print('read', input(), flush=True)\n")
        for words in ("", "--foreground"):
            self.shown = ""
            self.shell(f"$RUN {words} -- {command}; echo stopped $?; "
                       "read line; echo shell read $line; fg; echo ended $?", JOBS)
            pid = int(self.await_text(r"pid (\d+)\n")[1])
            self.press(b"\x1a")
            self.await_text(f"stopped {128 + signal.SIGTSTP}")
            self.await_stop(pid)
            self.assertIsNotNone(self.token())
            self.press(b"one\n")
            self.await_text("shell read one")
            self.press(b"two\n")
            self.await_text("read two")
            self.await_text("ended 0")

    def test_does_not_continue_a_command_whose_lease_is_over(self):
        command = self.python("print('ready', flush=True)\ninput()\nopen('ran', 'w')\n")
        self.shell(f"$RUN --ttl 3s -- {command}; echo stopped; read line; fg; echo ended $?", JOBS)
        self.await_text("ready")
        self.press(b"\x1a")
        self.await_text("stopped")
        poll_until(lambda: self.token() is None, "the end of the lease")
        self.press(b"go on\n")
        self.await_text("is lost: SIGKILL")
        self.await_text("ended 79")
        self.assertFalse(os.path.exists(self.file("ran")))

    def test_stops_the_wait(self):
        self.hold()
        self.shell("$RUN -- touch ran; echo stopped $?; fg; echo ended $?", JOBS)
        queue = "{%s%s}:ll:2q" % (PREFIX, self.key)
        poll_until(lambda: self.server.ask("LLEN", queue) == 1, "one that waits")
        group = os.tcgetpgrp(self.keys)
        self.press(b"\x1a")
        self.await_text(f"stopped {128 + signal.SIGTSTP}")
        poll_until(lambda: os.tcgetpgrp(self.keys) == group, "that it is in front again")
        self.press(b"\x1c")
        self.await_text(f"ended {128 + signal.SIGQUIT}")
        self.assertFalse(os.path.exists(self.file("ran")))

    def test_ends_the_script_that_the_command_is_in(self):
        # As it does if the command stands there alone: the shell has to get the key too, and to see
        # that the key has ended the command.
        ready = "sh -c 'echo ready; exec sleep 600'"
        loop = "for i in 1 2 3; do echo begun; {}; done; echo goes on"
        for shell in ("bash", "dash"):
            for command in (ready, f"$RUN -- {ready}", f"$RUN --foreground -- {ready}"):
                self.shown = ""
                self.shell(loop.format(command), program=shell)
                self.await_text("ready")
                self.press(b"\x03")
                self.assert_shell_ended()
                self.assertEqual(self.shown.count("begun"), 1, self.shown)
                self.assertNotIn("goes on", self.shown)
        holder = self.hold()
        self.shell(loop.format("$RUN -- true"))
        queue = "{%s%s}:ll:2q" % (PREFIX, self.key)
        poll_until(lambda: self.server.ask("LLEN", queue) == 1, "one that waits")
        self.press(b"\x03")
        self.assert_shell_ended()
        self.assertIsNone(holder.poll())

    def assert_shell_ended(self):
        """By the key."""
        ended = lambda: os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        status = poll_until(ended, f"the end of the shell; shown: {self.shown}")
        self.shows("")
        self.assertIn((status.si_code, status.si_status),
                      [(os.CLD_KILLED, signal.SIGINT), (os.CLD_EXITED, 128 + signal.SIGINT)])

    def test_does_not_end_the_script_if_somebody_else_sends_the_signal(self):
        self.shell(f"$RUN -- sh -c 'kill -INT $PPID; exec sleep 600'; echo ended $?; "
                   "$RUN -- sh -c 'kill -TERM $$'; echo ended $?")
        self.await_text(f"ended {128 + signal.SIGINT}\n")
        self.await_text(f"ended {128 + signal.SIGTERM}\n")

    def script(self, text):
        with open(self.file("command.sh"), "w", encoding="utf-8") as file:
            file.write(text)
        return "sh command.sh"

    def test_is_lent_to_a_command_that_wants_it(self):
        # In a pipeline, and where standard input is something else, it stays with us at first.
        for options in ([JOBS], []):
            for wants, script in (("", "$RUN -- {} | cat"), ("", "echo | $RUN -- {} 2>&1"),
                                  ("stty -echo; stty echo\n", "$RUN -- {} | cat")):
                self.shown = ""
                command = self.script(f"{wants}read line </dev/tty; echo read $line; exec sleep 600")
                self.shell(script.format(command) + "; echo not this one", *options)
                self.press(b"for the command\n")
                self.await_text("\nread for the command")
                self.press(b"\x03")
                self.assert_shell_ended()
                poll_until(lambda: self.token() is None, "the release")

    def test_goes_to_whoever_of_a_pipeline_wants_it_now(self):
        read = "read line </dev/tty; echo read $line"
        command = self.script(f"{read} >&2; echo; until [ -e end ]; do sleep 0.01; done; "
                              f"{read} >&2; exec sleep 600")
        self.shell(f"$RUN -- {command} | sh -c 'read go; {read}; touch end; exec sleep 600'", JOBS)
        for word in ("one", "two", "three"):
            self.press(f"{word}\n".encode())
            self.await_text(f"\nread {word}")

    def test_stops_the_job_whose_command_wants_it_in_the_background(self):
        in_background = "& while [ -z \"$(jobs -s)\" ]; do sleep 0.01; done; echo stands; read line; fg; echo ended $?"
        for words, pipe in (("", ""), ("--foreground", ""), ("", "| cat")):
            for wants in ("read line </dev/tty", "stty -echo; stty echo"):
                self.shown = ""
                command = self.script(f"echo pid $$ >&2; {wants}; echo done $line")
                self.shell(f"$RUN {words} -- {command} {pipe} {in_background}", JOBS)
                pid = int(self.await_text(r"pid (\d+)\n")[1])
                self.await_text("stands")
                self.await_stop(pid)
                self.press(b"go on\n")
                if wants.startswith("read"):
                    self.press(b"a line\n")
                    self.await_text("done a line")
                self.await_text("ended 0")

    def test_does_not_leave_the_lock_with_a_command_that_nobody_continues(self):
        # In the background, and the shell that could bring it to the front is gone.
        for script in ("read line </dev/tty", "stty -echo </dev/tty"):
            self.shown = ""
            self.shell(f"( ($RUN --ttl 3s -- sh -c 'echo pid $$; {script}'; echo ended $?) & )\n"
                       "read line", JOBS)
            pid = int(self.await_text(r"pid (\d+)\n")[1])
            self.await_text(rf"the command is stopped.* lock '{self.key}' is given up in \d\.\ds\n")
            self.await_stop(pid)
            self.await_text("is given up, for the command does not go on: SIGTERM")
            self.await_text("ended 79")
            self.assertFalse(self.is_running(pid))
            self.assertIsNone(self.token())

    def test_stops_nobody_where_no_shell_controls_jobs(self):
        command = self.python("import signal\n"
                              "signal.signal(signal.SIGCONT, lambda *_: print('continued'))\n"
                              "print('ready')\nprint('read', input())\n")
        self.shell(f"exec $RUN -- {command}")
        self.await_text("ready")
        self.press(b"\x1a")
        self.await_text("continued")
        self.press(b"a line\n")
        self.await_text("read a line")


if __name__ == "__main__":
    main()
