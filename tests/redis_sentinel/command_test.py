#!/usr/bin/env python3
"""Goal: the command locks at the master that Sentinels name, shows who is there, and says in words what is wrong.
Method: the command, run as a user does, with the servers and Sentinels that all tests share.

command_test.py COMMAND DIRECTORY-OF-THE-GROUP"""
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from command_at import run_at  # noqa: E402

DIRECTORY = sys.argv.pop()
COMMAND = sys.argv.pop()
NAME = "leaselock-test"


def ports(kind):
    lines = [line.split() for line in (Path(DIRECTORY) / "members").read_text().splitlines()]
    return [port for what, port, _ in lines if what == kind]


def url_of(sentinels, name=NAME, rest=""):
    return "redis+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in sentinels) + f"/{name}{rest}"


def run(*words, url=None):
    return run_at(COMMAND, url or url_of(ports("sentinel")), *words)


def ask(port, *words):
    subprocess.run(["redis-cli", "-p", port, *words], stdout=subprocess.DEVNULL, check=True, timeout=50)


class CommandAtSentinels(unittest.TestCase):
    key = f"command:{os.getpid()}"

    def test_command_runs_under_a_lock(self):
        done = run("run", self.key, "--", "sh", "-c", "exit 7")
        self.assertEqual(done.returncode, 7, done)

    def test_doctor_shows_sentinels_the_master_and_its_replicas(self):
        done = run("doctor", "--json")
        told = json.loads(done.stdout)
        self.assertIn("a master that Sentinels name", [each["found"] for each in told if each["subject"] == "topology"])
        nodes = [each for each in told if each["subject"] == "node"]

        def addresses(role):
            return {each["address"] for each in nodes if each["role"] == role}

        self.assertEqual(addresses("sentinel"), {"127.0.0.1:" + port for port in ports("sentinel")}, done)
        self.assertEqual(addresses("master") | addresses("replica"),
                         {"127.0.0.1:" + port for port in ports("server")}, done)
        self.assertEqual(len(addresses("master")), 1, done)
        for each in nodes:
            if each["role"] == "replica":
                self.assertEqual({each["master"]}, addresses("master"))
                self.assertGreaterEqual(each["lag_bytes"], 0)
            if each["role"] == "sentinel":
                self.assertIn("names " + addresses("master").copy().pop(), each["found"])

    def test_check_hints_at_wait_replicas_until_as_many_are_waited_for(self):
        def hints(url):
            return [each["found"] for each in json.loads(run("doctor", "--json", url=url).stdout)
                    if each["subject"] == "wait_replicas"]

        self.assertEqual(len(hints(None)), 1)
        self.assertEqual(hints(url_of(ports("sentinel"), rest="?wait_replicas=2&wait_replicas_timeout=900ms")), [])

    def test_doctor_shows_a_sentinel_that_does_not_answer(self):
        done = run("doctor", url=url_of([*ports("sentinel"), "1"]))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("info\tnode\tsentinel 127.0.0.1:1: ", done.stdout)

    def test_doctor_shows_a_sentinel_that_has_two_names_if_it_may_ask_for_its_id(self):
        first, second, _ = ports("sentinel")
        for port in (first, second):
            ask(port, "acl", "setuser", "nameless", "reset", "on", ">word", "&*", "+@all", "-sentinel|myid")
        url = url_of([first, second]).replace("//", f"//localhost:{first},")
        done = run("doctor", url=url)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(done.stdout.count(f"the same Sentinel as localhost:{first}"), 1, done)
        done = run("doctor", url=url + "?sentinel_user=nameless&sentinel_password=word")
        self.assertEqual(done.returncode, 0, done)
        self.assertNotIn("the same Sentinel", done.stdout)

    def test_doctor_names_the_right_that_is_missing_and_goes_on(self):
        words = ["reset", "on", ">word", "&*", "+@all", "-sentinel|replicas"]
        for port in ports("sentinel"):
            ask(port, "acl", "setuser", "blind", *words)
        for port in ports("server"):
            ask(port, "acl", "setuser", "blind", "reset", "on", ">word", "~*", "&*", "+@all", "-info")
        url = url_of(ports("sentinel"), rest="?sentinel_user=blind&sentinel_password=word")
        done = run("doctor", url=url.replace("//", "//blind:word@"))
        self.assertEqual(done.returncode, 0, done)
        lines = done.stdout.splitlines()
        self.assertTrue(any(line.startswith("hint\tnodes\t") and "+sentinel|replicas" in line for line in lines), done)
        self.assertTrue(any(line.startswith("info\tnode\t") and "without +info" in line for line in lines), done)

    def test_name_that_no_sentinel_knows_is_an_error_that_says_it(self):
        done = run("status", self.key, url=url_of(ports("sentinel"), name="nobody"))
        self.assertEqual(done.returncode, 69, done)
        self.assertIn("'nobody'", done.stderr)
        self.assertIn("knows no master of this name", done.stderr)

    def test_url_for_another_kind_of_server_is_told_apart(self):
        server, sentinel = ports("server")[0], ports("sentinel")[0]
        for url, words in ((url_of([server]), "it is no Sentinel"),
                           (f"redis://127.0.0.1:{sentinel}", "its URL begins with redis+sentinel://"),
                           (f"redis+cluster://127.0.0.1:{sentinel}", "its URL begins with redis+sentinel://"),
                           (f"redis+cluster://127.0.0.1:{server}", "its URL begins with redis://")):
            done = run("status", self.key, url=url)
            self.assertEqual(done.returncode, 69, done)
            self.assertIn(words, done.stderr)

    def test_sentinels_that_disagree_are_named_with_what_they_say(self):
        others = "other" + str(os.getpid())
        first, second, _ = ports("sentinel")
        for sentinel, server in ((first, ports("server")[0]), (second, ports("server")[1])):
            ask(sentinel, "sentinel", "monitor", others, "127.0.0.1", server, "2")
        try:
            done = run("status", self.key, url=url_of([first, second], name=others))
            self.assertEqual(done.returncode, 69, done)
            self.assertIn(f"the Sentinels disagree where the master '{others}' is: 127.0.0.1:", done.stderr)
            shown = run("doctor", url=url_of([first, second], name=others))
            self.assertEqual(shown.returncode, 69, shown)
            self.assertIn("the Sentinels disagree", shown.stderr)
            for sentinel, server in ((first, ports("server")[0]), (second, ports("server")[1])):
                self.assertIn(f"sentinel 127.0.0.1:{sentinel}: names 127.0.0.1:{server}", shown.stdout)
        finally:
            for sentinel in (first, second):
                ask(sentinel, "sentinel", "remove", others)

    def test_url_that_names_no_host_or_one_twice_is_wrong(self):
        for hosts, words in (("", "host is empty"), ("a,,b", "host is empty"), ("a,a", "given twice"),
                             ("a:26379,a", "given twice"), ("a,A", "given twice")):
            done = run("status", self.key, url=f"redis+sentinel://{hosts}/name")
            self.assertEqual(done.returncode, 64, done)
            self.assertIn(words, done.stderr)
        for hosts, words in (("", "host is empty"), ("a,,b", "host is empty"), ("a:6379,A", "given twice")):
            done = run("status", self.key, url=f"redis+cluster://{hosts}")
            self.assertEqual(done.returncode, 64, done)
            self.assertIn(words, done.stderr)


unittest.main(verbosity=2)
