# Goal: a run leaves its metrics in the file that it was given, whole or not at all, and however it
# went; and the file changes nothing else. Method: real commands, on a real redis-server.
import os
import re
import resource
import shutil
import signal
import stat
import subprocess

from support import CliTest, main, poll_until


class Metrics(CliTest):
    def setUp(self):
        super().setUp()
        self.path = self.file("job.prom")

    def run_with(self, code, *words, path="job.prom", **options):
        return self.expect(code, "run", "--metrics-file", path, *words, **options)

    def metrics(self, name="job.prom"):
        """What the file has: the value of each series."""
        with open(self.file(name), encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.endswith("\n"))
        self.assertNotIn(self.key, text)
        series = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
        for labels in series:
            self.assertIn('{manager="' + name.removesuffix(".prom") + '"', labels)
        return series

    def outcomes(self):
        return {re.search(r'outcome="(\w+)"', name)[1]: int(value)
                for name, value in self.metrics().items()
                if name.startswith("leaselock_acquisitions_total")}

    def alone(self):
        """Nothing but these is left in the directory."""
        return sorted(os.listdir(self.directory))

    def test_tell_of_the_lock_of_the_command(self):
        self.run_with(7, self.key, "--", "sh", "-c", "[ ! -e job.prom ] && exit 7")
        self.assertEqual(self.outcomes(), {"acquired": 1, "contended": 0, "failed": 0})
        series = self.metrics()
        labels = 'manager="job",key_template=""'
        self.assertEqual(series[f"leaselock_locks_held{{{labels}}}"], "0")
        self.assertEqual(series[f"leaselock_releases_total{{{labels}}}"], "1")
        self.assertEqual(series[f"leaselock_hold_seconds_count{{{labels}}}"], "1")
        self.assertEqual(series['leaselock_reconnects_total{manager="job"}'], "0")
        self.assertEqual(self.alone(), ["job.prom"])

    def test_are_for_everybody_to_read(self):
        self.run_with(0, self.key, "--", "true", preexec_fn=lambda: os.umask(0o077))
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o644)

    def test_tell_of_a_lock_that_was_not_acquired(self):
        self.hold()
        self.run_with(75, "-n", self.key, "--", "true")
        self.assertEqual(self.outcomes(), {"acquired": 0, "contended": 1, "failed": 0})

    def test_are_written_however_the_run_ends(self):
        for code, words in ((127, (self.key, "--", "no-such-command")),
                            (69, ("--url", "redis://127.0.0.1:1", self.key, "--", "true"))):
            self.run_with(code, *words)
            self.assertEqual(self.outcomes()["contended"], 0)
            os.unlink(self.path)
        waiter = self.start("run", "--metrics-file", self.path, self.key, "--", "sh", "-c",
                            "echo >started; sleep 1000")
        poll_until(lambda: os.path.exists(self.file("started")), "the command")
        waiter.terminate()
        self.assertEqual(self.finish(waiter)[0], -15)
        self.assertEqual(self.outcomes()["acquired"], 1)

    def test_replace_the_file_as_a_whole(self):
        with open(self.path, "w", encoding="utf-8") as old:
            old.write("old\n")
        with open(self.path, encoding="utf-8") as reader:
            self.run_with(0, self.key, "--", "true")
            self.assertEqual(reader.read(), "old\n")
        self.assertEqual(self.outcomes()["acquired"], 1)

    def test_of_several_jobs_have_no_series_in_common(self):
        self.run_with(0, self.key, "--", "true")
        self.run_with(0, self.key, "--", "true", path=self.file("other.prom"))
        self.assertEqual(set(self.metrics()) & set(self.metrics("other.prom")), set())

    def test_that_cannot_be_written_change_nothing_else(self):
        os.mkdir(self.file("directory"))
        os.mkfifo(self.file("pipe"))
        os.symlink("/dev/null", self.file("link"))
        before = self.alone()
        for path in ("no/such/job.prom", "directory", "pipe", "link", "/proc/job.prom", "no\n/x"):
            told = self.run_with(3, self.key, "--", "sh", "-c", "echo ran; exit 3", path=path)
            self.assertEqual(told.stdout, "ran\n")
            self.assertRegex(told.stderr,
                             r"\Aleaselock: cannot write the metrics to '[^\n]+': [^\n]+\n\Z")
            self.assertEqual(self.alone(), before)
        self.assertTrue(os.path.islink(self.file("link")))

    def test_that_do_not_fit_leave_the_old_file(self):
        with open(self.path, "w", encoding="utf-8") as old:
            old.write("old\n")
        told = self.expect(0, "run", "--metrics-file", self.path, self.key, "--", "true",
                           preexec_fn=lambda: self.limit_files(1000))
        self.assertIn("cannot write the metrics", told.stderr)
        self.assertEqual(self.lines("job.prom"), ["old"])
        self.assertEqual(self.alone(), ["job.prom"])

    @staticmethod
    def limit_files(size):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    def test_may_be_asked_for_in_the_configuration(self):
        with open(self.file("c.toml"), "w", encoding="utf-8") as file:
            file.write('[run]\nmetrics-file = "job.prom"\n')
        self.expect(0, "--config", "c.toml", "run", self.key, "--", "true")
        self.assertEqual(self.outcomes()["acquired"], 1)

    def test_please_promtool(self):
        self.run_with(0, self.key, "--", "true")
        if promtool := shutil.which("promtool"):
            with open(self.path, encoding="utf-8") as file:
                told = subprocess.run([promtool, "check", "metrics"], stdin=file, text=True,
                                      capture_output=True, check=False)
            self.assertEqual((told.returncode, told.stdout + told.stderr), (0, ""))
        self.assertEqual(self.metrics()['leaselock_events_dropped_total{manager="job"}'], "0")


if __name__ == "__main__":
    main()
