# Goal: what is said by the command line, the environment and a configuration file counts, in this order, and what
# is wrong there is named, with the word that was meant. Method: real calls, whose locks are in directories of the
# test; for the file of the machine, mounts of their own.
import json
import os
import subprocess

import support
from support import PROGRAM, main
from users import UsersTest, needs_mounts


class Settings(UsersTest):
    def setUp(self):
        super().setUp()
        self.environment["HOME"] = self.file("home")

    def write(self, text, *path):
        os.makedirs(os.path.dirname(self.file(os.path.join(*path))), exist_ok=True)
        with open(self.file(os.path.join(*path)), "w", encoding="utf-8") as file:
            file.write(text)
        return file.name

    def directory_told(self, *words):
        return self.json(*words, "status", "free")["directory"]

    def refuse_file(self, text, content, *words):
        file = self.write(content, "wrong.toml")
        said = self.expect_complaint(64, text, "--config", file, *(words or ("list",)))
        self.assertIn(file, said)
        return said

    def test_file_at_the_usual_places_is_read(self):
        del self.environment["LEASELOCK_URL"]
        url = lambda name: f'url = "file:{self.file(name)}"\n'
        self.write(url("of_home"), "home", ".config", "leaselock", "config.toml")
        del self.environment["XDG_CONFIG_HOME"]
        self.assertEqual(self.directory_told(), self.file("of_home"))
        self.environment["XDG_CONFIG_HOME"] = "relative"
        self.assertEqual(self.directory_told(), self.file("of_home"))
        self.write(url("of_xdg"), "xdg", "leaselock", "config.toml")
        self.environment["XDG_CONFIG_HOME"] = self.file("xdg")
        self.assertEqual(self.directory_told(), self.file("of_xdg"))
        named = self.write(url("named"), "named.toml")
        self.assertEqual(self.directory_told("--config", named), self.file("named"))
        self.assertNotIn(self.directory, self.directory_told("--config", "/dev/null"))
        self.environment["LEASELOCK_URL"] = "file:" + self.file("of_environment")
        self.assertEqual(self.directory_told(), self.file("of_environment"))
        self.assertEqual(self.directory_told("--url", "file:" + self.file("said")), self.file("said"))

    @needs_mounts
    def test_file_of_the_machine_is_read_where_a_user_has_none(self):
        self.write(f'url = "file:{self.file("of_machine")}"\n', "etc", "leaselock", "config.toml")
        del self.environment["LEASELOCK_URL"]
        status = f"mount --bind {self.file('etc')} /etc; \"$0\" --json status free"
        told = lambda: json.loads(subprocess.run(
            ["unshare", "-m", "sh", "-ec", status, PROGRAM], env=self.environment, capture_output=True, text=True,
            timeout=support.LIMIT, check=True).stdout)["directory"]
        self.assertEqual(told(), self.file("of_machine"))
        self.write("", "leaselock", "config.toml")
        self.assertNotEqual(told(), self.file("of_machine"))

    def test_file_that_cannot_be_read_is_no_missing_file(self):
        os.mkdir(self.file("leaselock"))
        os.mkdir(self.file("leaselock/config.toml"))
        self.expect_complaint(64, "leaselock/config.toml", "status", self.key)
        self.expect_complaint(64, "leaselock/config.toml", "run", self.key, "touch", "ran")
        self.assertFalse(os.path.exists(self.file("ran")))

    def test_section_of_a_subcommand_counts_for_that_one_alone(self):
        file = self.write('[wait]\nwait = "0"\n[list]\njson = true\n[run]\nttl = "1m30s"\nverbose = true\n', "file.toml")
        self.environment |= {"LEASELOCK": PROGRAM}
        told = self.expect(75, "--config", file, "run", self.key, "sh", "-c", '"$LEASELOCK" status "$LEASELOCK_KEY"')
        self.assertIn("locks are in", told.stderr)
        left = int(told.stdout.split("\t")[3])
        self.assertTrue(60_000 < left <= 90_000, left)
        self.hold()
        waiter = self.start("--config", file, "run", self.key, "true")
        self.expect(75, "--config", file, "wait", self.key)
        self.assertIsNone(waiter.poll())
        self.assertEqual(json.loads(self.expect(0, "--config", file, "list").stdout)[0]["key"], self.key)
        self.touch("end")
        self.assertEqual(self.finish(waiter)[0], 0)

    def test_command_line_goes_before_what_the_file_says_otherwise(self):
        file = self.write('[run]\nwait = "1h"\nslots = 2\nconflict-exit-code = 9\n[release]\nforce = true\n', "file.toml")
        self.hold(self.key, "--shared")
        self.expect(0, "--config", file, "run", "-n", "--shared", self.key, "true")
        self.expect_complaint(64, "number or kind", "--config", file, "run", "-n", self.key, "true")
        os.remove(self.file("holder"))
        self.hold("whole")
        self.expect_complaint(9, "not acquired", "--config", file, "run", "-n", "--shared", "whole", "true")
        self.expect(1, "--config", file, "release", "--token", "x/" + 32 * "0", self.key)
        self.expect(0, "--config", file, "release", self.key)

    def test_word_that_is_not_known_is_named_with_the_one_that_was_meant(self):
        self.refuse_file("option 'ulr' is not known, did you mean 'url'?", 'ulr = "file:/x"\n')
        self.refuse_file("option 'prefx' is not known, did you mean 'prefix'?", 'prefx = "x"\n')
        self.refuse_file("section [runn] is not known, did you mean 'run'?", '[runn]\nttl = "3s"\n')
        self.refuse_file("option 'tl' is not known in [run], did you mean 'ttl'?", '[run]\ntl = "3s"\n')
        self.refuse_file("option 'ttl' is not known, but in a section, as [run]", 'ttl = "3s"\n')
        self.refuse_file("option 'colour' is not known\n", 'colour = "blue"\n')
        self.refuse_file("option 'json' is not known, but in a section", "json = true\n")
        for line in ('url "redis://me:secret@h"', "redis://me:secret@h", "[secret/x]"):
            self.assertNotIn("secret", self.refuse_file("", line + "\n"))
        for typed, meant in (("lst", "list"), ("stauts", "status"), ("relaese", "release"), ("topp", "top")):
            self.expect_complaint(64, f"no subcommand '{typed}', did you mean '{meant}'?", typed, "key")
        said = self.expect_complaint(64, "there are run, ", "redis://me:secret@h", "list")
        self.assertNotIn("secret", said)
        self.expect_complaint(64, "option --tll is not known, did you mean '--ttl'?", "run", "--tll", "3s", "k", "true")
        self.expect_complaint(64, "did you mean '--json'?", "list", "--jsn")

    def test_help_needs_no_sound_file(self):
        file = self.write("colour = 3\n", "file.toml")
        self.assertIn("Usage: leaselock", self.expect(0, "--config", file, "--help").stdout)
        self.assertIn("--ttl", self.expect(0, "--config", file, "run", "--help").stdout)
        self.assertIn("leaselock", self.expect(0, "--config", file, "--version").stdout)

    def test_json_may_stand_before_the_subcommand(self):
        for words in (("--json", "status", "free"), ("status", "--json", "free"), ("status", "free", "--json")):
            self.assertFalse(json.loads(self.expect(0, *words).stdout)["held"])
        self.assertEqual(json.loads(self.expect(0, "--json", "list").stdout), [])
        self.expect_complaint(64, "--json is not for run", "--json", "run", self.key, "touch", "ran")

    def test_owner_is_shown_to_those_who_look(self):
        self.hold(self.key, "--owner", "web-1")
        self.assertEqual(self.status(self.key)["owner"], "web-1")
        self.expect_complaint(75, "holder web-1", "run", "-n", self.key, "true")
        self.expect_complaint(64, "owner", "--owner", "web 1", "run", self.key, "true")

    def test_exit_status_of_status_tells_whether_the_lock_is_held(self):
        self.expect(0, "status", self.key)
        self.hold()
        self.expect(75, "status", self.key)
        self.expect(69, "--url", "file:/proc/nowhere", "status", self.key)

    def test_bad_directory_is_no_question_of_a_server(self):
        self.touch("regular")
        for directory in (self.file("regular"), "/proc/nowhere", self.file("regular") + "/below"):
            for words in (("status", "k"), ("list",), ("run", "k", "true"), ("release", "--force", "k"), ("doctor",)):
                said = self.expect(69, "--url", f"file:{directory}", *words)
                self.assertNotIn("server", said.stdout + said.stderr)
                self.assertIn(directory, said.stdout + said.stderr)

    def test_each_scheme_is_in_the_list_of_what_is_allowed(self):
        for url in ("http://me:secret@h", "FILE:/x", "/tmp/locks", "db:6379", "redis:/h"):
            said = self.expect_complaint(64, "", "--url", url, "list")
            self.assertNotIn("secret", said)
            for scheme in ("file:/", "redis://", "rediss://", "redis+unix:///", "redis+sentinel://"):
                self.assertIn(scheme, said)


if __name__ == "__main__":
    main()
