# Goal: what is wrong with a call is said in one line, which tells what to do, and nothing is done.
# Method: wrong calls, to a server that would serve them.
import os
import signal

from support import CliTest, main, poll_until


class Usage(CliTest):
    def refuse(self, text, *words):
        said = self.expect_complaint(64, text, *words)
        self.assertFalse(os.path.exists(self.file("ran")))
        self.assertEqual(self.server.ask("DBSIZE"), 0)
        return said

    def test_a_wrong_call_is_refused(self):
        run = ("--", "touch", "ran")
        self.refuse("leaselock --help")
        self.refuse("leaselock --help", "frobnicate")
        self.refuse("KEY is required", "run")
        self.refuse("KEY is required", "run", *run)
        self.refuse("no command: say leaselock run KEY COMMAND", "run", "key")
        self.refuse("no command: say leaselock run KEY COMMAND", "run", "key", "--")
        for words in (("--frob", "key"), ("key", "--frob")):
            self.refuse("--frob", "run", *words, *run)
            self.refuse("--frob", "run", *words, *run[1:])
        self.refuse("--frob", "list", "--frob")
        self.refuse("excludes", "run", "-n", "-w", "3s", "key", *run)
        self.refuse("not in range 0 to 255", "run", "-E", "256", "key", *run)
        self.refuse("--conflict-exit-code", "run", "-E", "x", "key", *run)
        for slots in ("0", "-1", "10001", "x"):
            self.refuse("--slots", "run", "--slots", slots, "key", *run)
        self.refuse("excludes", "run", "--shared", "--slots", "2", "key", *run)
        self.refuse("leaselock status --help", "status")
        self.refuse("is for leaselock run KEY COMMAND", "status", "run", *run)
        self.refuse("--token TOKEN", "release", "key")
        self.refuse("--token TOKEN", "release", "--token", "", "key")
        self.refuse("excludes", "release", "--token", "t", "--force", "key")
        self.refuse("pattern", "list", "")
        for time in ("9ms", "61s"):
            self.refuse("allowed are 10ms to 1m", "bench", "--time", time)

    def test_a_wrong_duration_is_refused(self):
        for text in ("x", "", "1.5s", "-1s", "5 s", "s", "3w", "1m30", "30s1m", "1s1s", "1m1min", "1d-1h",
                     "106751991168d", "106751991167d24h", "99999999999999999999s",
                     "9223372036854775807s"):
            self.refuse("is no duration", "run", f"--grace={text}" if text else "--grace=x",
                        "key", "--", "touch", "ran")
        for ttl in ("0", "9ms", "25h"):
            self.refuse("ttl", "run", "--ttl", ttl, "key", "--", "touch", "ran")
        self.refuse("--min-hold is 1d01h, allowed are 0 to 24h", "run", "--min-hold", "25h", "key", "--", "touch", "ran")

    def test_each_unit_of_a_duration_is_known(self):
        seconds = {"20000ms": 20, "20s": 20, "20": 20, "1m": 60, "1min": 60, "1h": 3600, "1d": 86400, "1m30s": 90,
                   "1h1m1s1ms": 3661, "0d20s": 20}
        for text, ttl in seconds.items():
            told = self.expect(0, "run", "--ttl", text, "key", "redis-cli", "-s", self.server.path, "TTL",
                               "hazel:lock:key").stdout
            self.assertTrue(ttl - 15 < int(told) <= ttl, (text, told))
        self.server.ask("FLUSHALL")

    def test_a_wrong_key_is_refused(self):
        self.refuse("control character", "status", "a\tb")
        self.refuse("control character", "run", "a\nb", "--", "touch", "ran")
        self.refuse("control character", "release", "--force", "a\x7f")
        self.refuse("key has", "status", "")
        self.refuse("key has", "wait", 600 * "k")

    def test_a_key_that_begins_with_a_dash_has_a_mark_before_it(self):
        key = "-k"
        for words in (("run", "-k", "--", "touch", "ran"), ("run", "-k"), ("status", "-k"),
                      ("release", "--force", "-k")):
            self.refuse("a key that begins with - goes after a -- of its own", *words)
        self.refuse("KEY is required", "run", "--", "-k")
        self.assertEqual(self.expect(0, "run", "-n", "--", key, "sh", "-c", 'echo "$LEASELOCK_KEY"').stdout, "-k\n")
        told = self.expect(0, "run", "-n", "--", key, "--", "sh", "-c", 'echo "$LEASELOCK_KEY" "$@"', "--", "--", "-x")
        self.assertEqual(told.stdout, "-k -- -x\n")
        self.assertEqual(self.expect(0, "status", "--", key).stdout.split("\t")[:2], [key, "false"])
        self.expect(0, "wait", "--", "--a-key")
        self.expect_complaint(1, "'--a-key' is not held", "release", "--force", "--", "--a-key")
        self.server.ask("FLUSHALL")

    def test_nothing_that_may_be_a_password_is_said(self):
        url = "redis://me:secret@h"
        for words in (("--pasword", "secret", "list"), ("list", "--pasword", "secret"),
                      ("list", "--pasword=secret"), ("list", "-psecret"), ("-psecret", "list"),
                      ("run", "-psecret", "key", "--", "touch", "ran"),
                      (url, "list"), ("--urll", url, "list"), ("list", f"--urll={url}"), ("list", "a", url),
                      ("run", url), ("run", "-w", url, "key", "true"), ("list", "--json=secret"), ("list", "--", "a", "secret"),
                      ("--config", url, "list"), (url,), ("status", "key", "--", url)):
            self.assertNotIn("secret", self.refuse("", *words))
        for option in ("--ttl", "-w", "--min-hold", "--grace", "--slots", "--conflict-exit-code"):
            for words in ((option, url), (f"{option}={url}",)):
                self.assertNotIn("secret", self.refuse(option, "run", *words, "key", "--", "touch", "ran"))
        self.refuse("option --pasword is not known", "list", "--pasword=secret")
        self.refuse("option -p is not known", "list", "-psecret")

    def test_secrets_among_the_arguments_are_overwritten(self):
        url = self.server.url.replace("://", "://me:secret@")
        self.server.ask("ACL", "SETUSER", "me", "on", ">secret", "~*", "&*", "+@all")
        for option in (("--url", url), (f"--url={url}",)):
            process = self.start(*option, "run", "key", "sh", "-c",
                                 "echo held >>holder; until [ -e end ]; do sleep 0.01; done", "x://me:secret@h")
            self.await_line("holder", "held")
            seen = self.arguments(process).split(b"\0")
            self.touch("end")
            self.assertEqual(self.finish(process), (0, ""))
            self.assertEqual([word for word in seen if b"secret" in word], [b"x://me:secret@h"])
            self.assertIn(url.replace("me:secret", 9 * "*"), seen[1].decode() + seen[2].decode())
            os.remove(self.file("end"))
            os.remove(self.file("holder"))
        # It waits for the lock that it looks at, so that it can be looked at.
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            for option in (("--token", "me/secret"), ("--token=me/secret",)):
                process = self.start("release", *option, "key")
                hides = lambda: b"*********" in self.arguments(process)
                poll_until(hides, "arguments without a secret")
                self.assertNotIn(b"secret", self.arguments(process))
                self.end(process)
        finally:
            self.server.process.send_signal(signal.SIGCONT)
        self.server.ask("FLUSHALL")

    @staticmethod
    def arguments(process):
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            return file.read()

    def test_a_wrong_place_is_refused(self):
        self.refuse("redis://", "--url", "http://x", "list")
        self.refuse("invalid URL", "--url", "redis://x:port", "run", "key", "--", "touch", "ran")
        self.refuse("prefix", "--prefix", "a\nb", "list")
        self.refuse("absolute path", "--url", "file:locks", "list")

    def test_a_wrong_file_is_refused(self):
        self.refuse("nowhere.toml", "--config", "nowhere.toml", "list")
        with open(self.file("bad.toml"), "w", encoding="utf-8") as file:
            file.write('colour = "blue"\n')
        self.refuse("colour", "--config", "bad.toml", "list")
        with open(self.file("bad.toml"), "w", encoding="utf-8") as file:
            file.write('[run]\nttl = "soon"\n')
        self.refuse("is no duration", "--config", "bad.toml", "run", "key", "--", "touch", "ran")

    def test_help_and_version_are_told(self):
        self.assertIn("run ", self.expect(0, "--help").stdout)
        self.assertIn("KEY [--] COMMAND", self.expect(0, "run", "--help").stdout)
        self.assertRegex(self.expect(0, "--version").stdout, r"\Aleaselock \d+\.\d+\.\d+\n\Z")


if __name__ == "__main__":
    main()
