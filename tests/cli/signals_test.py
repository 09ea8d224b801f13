# Goal: a signal ends the wait, or goes to the command and what it has started, once; and a command
# does not outlive leaselock. Method: signals by pid, to commands that note what they get.
import os
import shutil
import signal
import subprocess
import sys

from support import LIMIT, PREFIX, CliTest, main, poll_until

FORWARDED = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1,
             signal.SIGUSR2, signal.SIGALRM]

NOBODY = 65534

# Notes each signal in the file `log`, behind a name; ends when the file `end` is there, or its
# directory is no more.
NOTER = """
import os, signal, sys, time
def note(text):
    with open("log", "a") as log:
        log.write(f"{sys.argv[1]} {text}\\n")
for number in %r:
    signal.signal(number, lambda number, _: note(signal.Signals(number).name))
note(f"pid {os.getpid()}")
while os.stat(".").st_nlink and not os.path.exists("end"):
    time.sleep(0.01)
note("ends")
""" % [int(number) for number in FORWARDED]


class Signals(CliTest):
    def start_family(self, *options):
        """A command that notes its signals, and starts another one that does, too."""
        code = ("import subprocess, sys\n"
                "other = subprocess.Popen([sys.executable, '-c', sys.argv[2], 'grandchild'])\n"
                "exec(sys.argv[2])\n"
                "other.wait()\n")
        process = self.start("run", *options, self.key, "--", sys.executable, "-c", code,
                             "child", NOTER)
        child, grandchild = self.await_pid("child"), self.await_pid("grandchild")
        # It may outlive all others.
        self.addCleanup(self.end_grandchild, grandchild)
        return process, child, grandchild

    def end_grandchild(self, pid):
        self.touch("end")
        self.await_end(pid)

    def await_pid(self, name):
        start = f"{name} pid "
        line = poll_until(lambda: [each for each in self.lines("log") if each.startswith(start)],
                          f"the start of the {name}")[0]
        return int(line.removeprefix(start))

    def noted(self, name):
        """The signals that it has noted, sorted."""
        return sorted(line.split()[1] for line in self.lines("log")
                      if line.startswith(f"{name} SIG"))

    def end_family(self, process):
        self.touch("end")
        self.assertEqual(self.finish(process), (0, ""))

    def test_end_a_wait_and_nothing_is_started(self):
        holder = self.hold()
        for number in FORWARDED:
            waiter = self.start("run", self.key, "--", "touch", "ran")
            queue = "{%s%s}:ll:2q" % (PREFIX, self.key)
            poll_until(lambda: self.server.ask("LLEN", queue) == 1, "one that waits")
            waiter.send_signal(number)
            self.assertEqual(self.finish(waiter), (-number, ""))
            poll_until(lambda: self.server.ask("LLEN", queue) == 0, "nobody that waits")
        self.touch("end")
        self.assertEqual(self.finish(holder), (0, ""))
        self.assertIsNone(self.token())
        self.assertFalse(os.path.exists(self.file("ran")))

    def test_go_to_the_command_and_its_children_once(self):
        process, child, grandchild = self.start_family()
        self.assertEqual(os.getpgid(child), child)
        self.assertEqual(os.getpgid(grandchild), child)
        names = sorted(number.name for number in FORWARDED)
        for number in FORWARDED:
            process.send_signal(number)
            for name in ("child", "grandchild"):
                self.await_line("log", f"{name} {number.name}")
        self.end_family(process)
        self.assertEqual(self.noted("child"), names)
        self.assertEqual(self.noted("grandchild"), names)
        self.assertIsNone(self.token())

    def test_tell_how_the_command_ended(self):
        # Without `exec` a shell may be about to start its child, and then waits for one that has
        # not heard of the signal.
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.start("run", self.key, "--", "sh", "-c",
                                 "echo held >>holder; exec sleep 600")
            self.await_line("holder", "held")
            os.remove(self.file("holder"))
            process.send_signal(number)
            self.assertEqual(self.finish(process), (-number, ""))

    def test_go_to_the_command_alone_in_the_foreground_mode(self):
        process, child, grandchild = self.start_family("--foreground")
        self.assertEqual(os.getpgid(child), os.getpgid(process.pid))
        process.send_signal(signal.SIGUSR1)
        self.await_line("log", "child SIGUSR1")
        os.kill(grandchild, signal.SIGUSR2)
        self.await_line("log", "grandchild SIGUSR2")
        self.end_family(process)
        self.assertEqual(self.noted("child"), ["SIGUSR1"])
        self.assertEqual(self.noted("grandchild"), ["SIGUSR2"])

    def test_that_were_ignored_stay_so(self):
        ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
        holder = self.hold()
        waiter = self.start("run", self.key, "--", "touch", "ran", preexec_fn=ignore)
        queue = "{%s%s}:ll:2q" % (PREFIX, self.key)
        poll_until(lambda: self.server.ask("LLEN", queue) == 1, "one that waits")
        waiter.send_signal(signal.SIGHUP)
        waiter.send_signal(signal.SIGUSR1)
        self.assertEqual(self.finish(waiter), (-signal.SIGUSR1, ""))
        self.touch("end")
        self.assertEqual(self.finish(holder), (0, ""))
        os.remove(self.file("end"))
        process = self.start(
            "run", self.key, "--", sys.executable, "-c",
            NOTER.replace("for number in [1, ", "for number in ["), "child",
            preexec_fn=ignore)
        self.await_pid("child")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
        self.await_line("log", "child SIGUSR1")
        self.end_family(process)

    def test_stop_and_continue_the_command(self):
        process, child, _ = self.start_family()
        process.send_signal(signal.SIGTSTP)
        self.await_stop(child)
        process.send_signal(signal.SIGCONT)
        poll_until(lambda: self.state(child) != "T", "that the command goes on")
        # A command that is stopped gets a signal when it goes on, so it goes on for it.
        process.send_signal(signal.SIGTSTP)
        self.await_stop(child)
        process.send_signal(signal.SIGUSR1)
        self.await_line("log", "child SIGUSR1")
        self.end_family(process)

    def test_kill_the_command_with_leaselock(self):
        process, child, grandchild = self.start_family()
        process.kill()
        self.await_end(child)
        self.touch("end")
        self.await_end(grandchild)

    def test_that_cannot_be_sent_are_told(self):
        if os.geteuid() != 0:
            return  # nobody else can make a program that becomes root
        become_root = shutil.copy(shutil.which("setpriv"), self.directory)
        os.chmod(become_root, 0o4755)
        locks = self.file("locks")
        os.mkdir(locks)
        os.chmod(self.directory, 0o755)
        os.chown(locks, NOBODY, NOBODY)
        as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": [],
                     "env": self.environment | {"LEASELOCK_URL": f"file:{locks}"}}
        line = "leaselock: the command runs as another user, and cannot be sent signal {}"
        as_root = f"{become_root} --ruid 0 --euid 0 sh -c 'echo started; read line'"
        for command in (f"exec {as_root}", f"{as_root} <&3 & wait"):
            process = self.start("run", "--ttl", "3s", self.key, "--", "sh", "-c", f"exec 3<&0; {command}",
                                 stdin=subprocess.PIPE, stderr=self.said(), **as_nobody)
            self.assertEqual(process.stdout.readline(), "started\n")
            if command.startswith("exec"):
                process.terminate()
                self.await_line("said", line.format(15))
            self.expect(0, "release", "--force", self.key, **as_nobody)
            self.await_line("said", f"leaselock: lock '{self.key}' is lost: SIGKILL to the command")
            self.await_line("said", line.format(9) + f": it may go on without lock '{self.key}'")
            self.assertIsNone(process.poll())
            process.stdin.close()
            self.assertEqual(process.wait(LIMIT), 79)

    def test_are_not_needed_to_hear_of_children_where_those_are_ignored(self):
        self.expect(7, "run", self.key, "--", "sh", "-c", "exit 7",
                    preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))


if __name__ == "__main__":
    main()
