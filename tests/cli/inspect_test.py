# Goal: status, list, wait, release and doctor tell what is so, to people and to programs, and where
# the locks are is found as it was said. Method: real locks on a real redis-server; JSON is parsed.
import json
import subprocess

from support import LIMIT, PREFIX, PROGRAM, CliTest, main, poll_until

OWNER = r"[A-Za-z0-9._-]+:[0-9]+"


class Inspect(CliTest):
    def tearDown(self):
        self.server.ask("FLUSHALL")

    def test_status_tells_who_holds_a_lock(self):
        self.assertEqual(self.status(self.key), {
            "key": self.key, "held": False, "owner": "", "remaining_ms": 0, "fencing_token": 0,
            "kept": False, "shares": 0, "slots": 0, "waiting": 0})
        self.assertEqual(self.expect(0, "status", self.key).stdout, f"{self.key}\tfalse\t\t0\t0\tfalse\t0\t0\t0\n")
        self.hold(self.key, "--ttl", "1h")
        told = self.status(self.key)
        self.assertTrue(self.token().startswith(told["owner"] + "/"))
        self.assertTrue(told["held"])
        self.assertTrue(3_500_000 < told["remaining_ms"] <= 3_600_000, told)
        self.assertGreater(told["fencing_token"], 0)
        fields = self.expect(75, "status", self.key).stdout.rstrip("\n").split("\t")
        self.assertEqual(fields[:3] + fields[4:], [self.key, "true", told["owner"],
                                                   str(told["fencing_token"]), "false",
                                                   "0", "0", "0"])
        table = self.on_terminal("status", self.key).splitlines()
        self.assertRegex(table[0], r"^key +held +owner +remaining +fencing token +kept +shares +slots +waiting$")
        self.assertRegex(table[1], rf"^{self.key} +yes +{OWNER} +59m\d\ds +\d+ +no +0 +0 +0$")

    def test_list_tells_the_locks_that_match(self):
        self.assertEqual(self.json("list"), [])
        self.assertEqual(self.expect(0, "list").stdout, "")
        for key in ("import:1", "import:2", "export:1"):
            self.server.ask("SET", PREFIX + key, "me/" + 32 * "0", "PX", 600_000)
        self.assertEqual([each["key"] for each in self.json("list")],
                         ["export:1", "import:1", "import:2"])
        self.assertEqual([each["key"] for each in self.json("list", "import:*")],
                         ["import:1", "import:2"])
        lines = self.expect(0, "list", "import:[2-9]").stdout.splitlines()
        self.assertEqual([line.split("\t")[0] for line in lines], ["import:2"])
        self.assertEqual(len(self.on_terminal("list").splitlines()), 4)

    def test_json_and_lines_stay_whole_whatever_a_key_is(self):
        keys = {b'quote"back\\slash': 'quote"back\\slash', b"tab\tesc\x1b[2J": "tab\tesc\x1b[2J",
                "grün €".encode(): "grün €", b"bad\xff\xc3(\xed\xa0\x80": "bad�" + "�(" + 3 * "�"}
        for key in keys:
            self.server.ask("SET", PREFIX.encode() + key, "me/" + 32 * "0", "PX", 600_000)
        self.assertEqual({each["key"] for each in self.json("list")}, set(keys.values()))
        lines = self.expect(0, "list", text=False).stdout.splitlines()
        self.assertEqual(len(lines), len(keys))
        self.assertTrue(all(line.count(b"\t") == 8 for line in lines), lines)
        self.assertNotIn("\x1b", self.on_terminal("list", "tab*"))
        self.assertIn("a\\xc2\\x9bb\u20ac", self.on_terminal("status", "a\u009bb\u20ac"))
        self.assertEqual(self.status("grün €")["key"], "grün €")

    def test_bytes_of_a_holder_do_not_command_the_terminal(self):
        # ESC, BEL, a new line, CSI as a character and as a byte, a turn of the direction of writing.
        owner = b"me\x1b[31m\x1b]0;title\x07\n\xc2\x9b2J\x9b\xe2\x80\xae"
        self.server.ask("SET", PREFIX + self.key, owner + b"/" + 32 * b"0", "PX", 600_000)
        shown = r"me\x1b[31m\x1b]0;title\x07\x0a\xc2\x9b2J\x9b\xe2\x80\xae"
        self.assertIn(shown, self.on_terminal("status", self.key))
        for words in (("status", self.key), ("list",), ("top", "--count", "1")):
            self.assertIn(shown, self.expect(75 if words[0] == "status" else 0, *words).stdout)
        self.expect_complaint(75, f"holder {shown},", "run", "-n", self.key, "--", "true")
        for words, code in ((("status", self.key), 75), (("list",), 0), (("top", "--count", "1"), 0),
                            (("wait", "-w", "0", self.key), 75)):
            said = self.expect(code, *words, "--json").stdout
            self.assertRegex(said, r"\A[ -~\n]+\Z")
            self.assertIn(r"\u001b]0;title\u0007\u000a\u009b2J\ufffd\u202e", said)
        self.assertIn(shown, self.expect(0, "release", "--force", self.key).stdout)

    def test_wait_ends_when_the_lock_is_free(self):
        self.assertEqual(self.expect(0, "wait", self.key).stdout, "")
        holder = self.hold()
        self.expect(75, "wait", "-w", "50ms", self.key)
        self.assertTrue(self.json("wait", "-w", "0", self.key, code=75)["held"])
        clients = lambda: self.server.ask("CLIENT", "LIST").count("cmd=evalsha")
        before = clients()
        waiter = self.start("wait", "--json", self.key)
        poll_until(lambda: clients() > before, "a poll of the waiter")
        self.assertIsNone(waiter.poll())
        self.touch("end")
        self.assertEqual(self.finish(holder), (0, ""))
        self.assertFalse(json.loads(waiter.communicate(timeout=LIMIT)[0])["held"])
        self.assertEqual(waiter.returncode, 0)

    def test_release_frees_a_lock_by_its_token_or_by_force(self):
        self.hold(self.key, "--ttl", "1h")
        token = self.token()
        owner = token.split("/")[0]
        other = token[:-1] + ("0" if token[-1] != "0" else "1")
        self.expect_complaint(1, "not held by this token", "release", "--token", other, self.key)
        self.assertEqual(self.token(), token)
        self.assertEqual(self.json("release", "--token", token, self.key),
                         {"key": self.key, "released": True, "owner": owner})
        self.assertIsNone(self.token())
        self.assertEqual(self.json("release", "--force", self.key, code=1),
                         {"key": self.key, "released": False, "owner": ""})
        self.server.ask("SET", PREFIX + self.key, token, "PX", 600_000)
        self.assertEqual(self.expect(0, "release", "--force", self.key).stdout,
                         f"{self.key}\ttrue\t{owner}\n")
        self.assertIsNone(self.token())

    def test_doctor_fails_if_there_is_a_problem(self):
        findings = self.json("doctor", code=1)
        self.assertEqual(set(findings[0]), {"severity", "subject", "found", "advice"})
        self.assertIn(("problem", "persistence"),
                      {(each["severity"], each["subject"]) for each in findings})
        self.assertRegex(self.expect(1, "doctor").stdout, r"(?m)^problem\tpersistence\t")
        promises = self.json("doctor", code=1)[0]
        self.assertEqual((promises["severity"], promises["subject"]), ("info", "guarantees"))
        self.assertRegex(promises["found"], r"exclusion = until_failover, .*\bfair = yes\b")
        self.assertIn(f"it promises: {promises['found']}", self.on_terminal("doctor"))
        self.assertRegex(self.on_terminal("doctor"), r"(?m)^problem: persistence\n  .*\n  -> .*$")
        self.server.ask("CONFIG", "SET", "appendonly", "yes")
        poll_until(lambda: "aof_rewrite_in_progress:0" in self.server.ask("INFO", "persistence"),
                   "the end of the first rewrite")
        try:
            severities = [each["severity"] for each in self.json("doctor")]
            self.assertNotIn("problem", severities)
        finally:
            self.server.ask("CONFIG", "SET", "appendonly", "no")

    def test_the_backend_is_found_by_option_environment_and_file(self):
        wrong = "redis+unix://" + self.file("nowhere")
        with open(self.file("good.toml"), "w", encoding="utf-8") as file:
            file.write(f'url = "{self.server.url}"\nprefix = "mine:"\n[run]\nttl = "1h"\n')
        with open(self.file("wrong.toml"), "w", encoding="utf-8") as file:
            file.write(f'url = "{wrong}"\n')
        held = ["--", "redis-cli", "-s", self.server.path, "PTTL"]
        self.environment["LEASELOCK_URL"] = ""
        told = self.expect(0, "--config", "good.toml", "run", self.key, *held, "mine:" + self.key)
        self.assertGreater(int(told.stdout), 3_500_000)
        self.environment["LEASELOCK_PREFIX"] = "theirs:"
        told = self.expect(0, "--config", "good.toml", "run", self.key, *held, "theirs:" + self.key)
        self.assertGreater(int(told.stdout), 3_500_000)
        told = self.expect(0, "--config", "good.toml", "--prefix", "other:", "run", self.key, *held, "other:" + self.key)
        self.assertGreater(int(told.stdout), 3_500_000)
        self.environment["LEASELOCK_PREFIX"] = ""
        self.expect(69, "--config", "wrong.toml", "status", self.key)
        self.expect(0, "--config", "wrong.toml", "--url", self.server.url, "status", self.key)
        self.environment["LEASELOCK_URL"] = self.server.url
        self.expect(0, "--config", "wrong.toml", "status", self.key)
        self.expect(0, "status", "--config", "wrong.toml", self.key)
        self.environment["LEASELOCK_URL"] = wrong
        self.expect(69, "--config", "good.toml", "status", self.key)
        self.expect(0, "status", self.key, "--url", self.server.url)

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([PROGRAM, "status", self.key], env=self.environment,
                                    stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 71)
        self.assertIn("cannot write the output", result.stderr)


if __name__ == "__main__":
    main()
