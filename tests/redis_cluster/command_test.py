#!/usr/bin/env python3
"""Goal: the command locks in a Redis Cluster by its URL, looks at all of its masters, and says in words what is wrong.
Method: the command, run as a user does, with the cluster that all tests share.

command_test.py COMMAND DIRECTORY-OF-THE-CLUSTER"""
import json
import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from command_at import run_at  # noqa: E402

DIRECTORY = sys.argv.pop()
COMMAND = sys.argv.pop()


def ports():
    return [line.split()[0] for line in (Path(DIRECTORY) / "nodes").read_text().splitlines()]


def run(*words, url=None):
    return run_at(COMMAND, url or "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports()[:2]), *words)


class CommandInACluster(unittest.TestCase):
    key = f"command:{os.getpid()}"

    def test_command_runs_under_a_lock(self):
        done = run("run", self.key, "--", "sh", "-c", "exit 7")
        self.assertEqual(done.returncode, 7, done)

    def test_locks_of_all_masters_are_listed(self):
        keys = [f"{self.key}:{number}" for number in range(8)]
        words = [COMMAND, "--url", "redis+cluster://127.0.0.1:" + ports()[0]]
        inner = [*words, "list", "--json", self.key + ":*"]
        for key in keys:
            inner = [*words, "run", key, "--", *inner]
        done = subprocess.run(inner, text=True, capture_output=True, timeout=50, check=True)
        listed = sorted(each["key"] for each in json.loads(done.stdout))
        self.assertEqual(listed, keys)

    def test_doctor_looks_at_each_master(self):
        done = run("doctor")
        masters = {line.split("\t")[2].split(": ")[0] for line in done.stdout.splitlines() if "persistence" in line}
        self.assertEqual(len(masters), 3, done)

    def test_doctor_shows_each_master_with_its_replica(self):
        def shows_all():
            told = json.loads(run("doctor", "--json").stdout)
            return {each["address"] for each in told if each["subject"] == "node"} == \
                {"127.0.0.1:" + port for port in ports()}

        # A cluster that has just been made may not have heard of all of its nodes.
        end = time.monotonic() + 60
        while not shows_all() and time.monotonic() < end:
            time.sleep(0.1)
        done = run("doctor", "--json")
        told = json.loads(done.stdout)
        self.assertIn("a Redis Cluster", [each["found"] for each in told if each["subject"] == "topology"])
        nodes = [each for each in told if each["subject"] == "node"]
        masters = {each["address"] for each in nodes if each["role"] == "master"}
        self.assertEqual(len(masters), 3, done)
        replicas = [each for each in nodes if each["role"] == "replica"]
        self.assertEqual({each["master"] for each in replicas}, masters, done)
        self.assertEqual({each["address"] for each in nodes}, {"127.0.0.1:" + port for port in ports()}, done)
        for each in replicas:
            self.assertIn("online", each["found"])
            self.assertGreaterEqual(each["lag_bytes"], 0)
        self.assertRegex(next(each["found"] for each in nodes), r"slots, 1 replica attached$")

    def test_doctor_names_the_right_that_is_missing_and_goes_on(self):
        words = "reset on >word ~* &* +@all -info -cluster|shards".split()
        for port in ports():
            subprocess.run(["redis-cli", "-p", port, "acl", "setuser", "blind", *words], stdout=subprocess.DEVNULL,
                           check=True, timeout=50)
        done = run("doctor", url=f"redis+cluster://blind:word@127.0.0.1:{ports()[0]}")
        self.assertEqual(done.returncode, 0, done)
        lines = done.stdout.splitlines()
        self.assertEqual(sum(line.startswith("info\tnode\t") and "without +info" in line for line in lines), 3, done)
        self.assertTrue(any(line.startswith("hint\tnodes\t") and "+cluster|shards" in line for line in lines), done)

    def test_url_of_a_single_server_is_told_apart(self):
        seen = [run("status", f"{self.key}:{number}", url="redis://127.0.0.1:" + ports()[0]) for number in range(16)]
        wrong = [each for each in seen if each.returncode != 0]
        self.assertTrue(wrong)
        for each in wrong:
            self.assertIn("redis+cluster://", each.stderr)


unittest.main(verbosity=2)
