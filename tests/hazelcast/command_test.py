#!/usr/bin/env python3
"""Goal: the command locks in a Hazelcast cluster by its URL, and what is wrong is said in words.
Method: the command, run as a user does, with the cluster that all tests share.

command_test.py COMMAND DIRECTORY-OF-THE-CLUSTER"""
import json
import os
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from command_at import run_at  # noqa: E402

DIRECTORY = sys.argv.pop()
COMMAND = sys.argv.pop()


def url(rest="/leaselock-test"):
    ports = [line.split()[0] for line in (Path(DIRECTORY) / "members").read_text().splitlines()]
    return "hazelcast://" + ",".join(f"127.0.0.1:{port}" for port in ports) + rest


def run(*words, at=None):
    return run_at(COMMAND, at or url(), *words)


class CommandOnHazelcast(unittest.TestCase):
    key = f"command:{os.getpid()}"

    def test_command_runs_alone_under_a_lock(self):
        inner = run("run", self.key, "--", COMMAND, "--url", url(), "run", "--nonblock", self.key, "--", "true")
        self.assertNotEqual(inner.returncode, 0, inner)
        self.assertIn("held by another", inner.stderr)
        done = run("run", self.key, "--", "sh", "-c", "exit 7")
        self.assertEqual(done.returncode, 7, done)

    def test_status_shows_who_holds(self):
        seen = run("run", self.key + ":s", "--", COMMAND, "--url", url(), "status", "--json", self.key + ":s")
        lock = json.loads(seen.stdout)
        self.assertTrue(lock["held"], seen)
        self.assertIn("hazelcast-session-", lock["owner"])
        free = json.loads(run("status", "--json", self.key + ":s").stdout)
        self.assertFalse(free["held"])

    def test_doctor_finds_a_sound_cluster(self):
        done = run("doctor")
        self.assertEqual(done.returncode, 0, done)

    def test_wrong_cluster_is_said_by_name(self):
        done = run("status", self.key, at=url("/another-cluster"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("not named 'another-cluster'", done.stderr)

    def test_wrong_url_is_said_without_its_password(self):
        done = run("status", self.key, at="hazelcast://me:secret@h:0/c")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("port is wrong", done.stderr)
        self.assertNotIn("secret", done.stderr)


unittest.main(verbosity=2)
