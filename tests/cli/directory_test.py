# Goal: a lock directory that several users reach, or in which there is what no lock put there: a user that may not
# write cannot hinder, none is refused by chance, and what is in the way of one lock is named and
# leaves the others alone. Method: commands as two users in directories of the test; that needs root, and a line
# says so where the tests have other rights.
import os
import shutil
import socket
import time

import support
from support import PREFIX, main
from users import OTHER, UsersTest, needs_mounts, needs_no_file, needs_root


class Directory(UsersTest):
    @needs_root
    def test_who_may_only_read_cannot_open_a_file(self):
        self.make(0o755)
        self.hold()
        names = os.listdir(self.locks)
        self.assertIn(PREFIX + self.key, names)
        for name in names:
            self.assertEqual(self.mode(os.path.join(self.locks, name)), 0o600, name)
        # Nothing is no answer of theirs.
        self.expect(69, "list", **self.as_other())

    @needs_root
    def test_rights_that_an_older_version_gave_to_readers_are_taken_away(self):
        self.make(0o755)
        holder = self.hold()
        # That had no members.
        names = [name for name in os.listdir(self.locks) if not name.startswith(".member-")]
        for name in names:
            os.chmod(os.path.join(self.locks, name), 0o644)
        self.expect_complaint(75, self.key, "run", "-n", self.key, "--", "true")
        for name in names:
            self.assertEqual(self.mode(os.path.join(self.locks, name)), 0o600, name)
        self.touch("end")
        self.assertEqual(self.finish(holder), (0, ""))

    def test_group_and_others_have_what_they_have_in_the_directory(self):
        for mode, of_files in (0o700, 0o600), (0o770, 0o660), (0o775, 0o660), (0o757, 0o606), (0o777, 0o666):
            self.make(mode)
            self.expect(0, "run", self.key, "--", "sh", "-c", f"stat -c %a {self.locks}/* {self.locks}/.fence >modes",
                        umask=0o077)
            self.assertEqual(set(self.lines("modes")), {f"{of_files:o}"}, f"{mode:o}")
            shutil.rmtree(self.locks)

    @needs_root
    def test_group_of_the_directory_is_that_of_its_files(self):
        for mode in 0o2770, 0o770:
            self.make(mode, OTHER)
            holder = self.hold()
            result = self.expect(75, "run", "-n", self.key, "--", "true", **self.as_other())
            self.assertIn(self.key, result.stderr)
            self.touch("end")
            self.assertEqual(self.finish(holder), (0, ""))
            os.remove(self.file("end"))
            os.remove(self.file("holder"))
            self.expect(0, "run", "-n", self.key, "--", "true", **self.as_other())
            shutil.rmtree(self.locks)

    @needs_root
    def test_first_use_under_any_umask_leaves_a_directory_that_works(self):
        for umask in 0o777, 0o477, 0o277, 0o177, 0o000:
            os.chmod(self.directory, 0o777)
            self.expect(0, "run", "-n", self.key, "--", "true", **self.as_other(umask))
            self.assertEqual(self.mode(self.locks), 0o700, f"{umask:o}")
            self.expect(0, "run", "-n", self.key, "--", "true", **self.as_other())
            shutil.rmtree(self.locks)
            self.assertEqual([name for name in os.listdir(self.directory) if name.startswith(".")], [])

    @needs_root
    def test_file_that_was_made_under_any_umask_is_in_nobodys_way(self):
        os.chmod(self.directory, 0o777)
        for umask in 0o777, 0o277:
            holder = self.start("run", self.key, "--", "sh", "-c", "echo; read end", stdin=support.subprocess.PIPE,
                                **self.as_other(umask))
            holder.stdout.readline()
            self.expect(75, "run", "-n", self.key, "--", "true", **self.as_other())
            self.assertEqual(self.finish(holder)[0], 1)

    @needs_root
    def test_root_does_not_shut_the_owner_of_a_directory_out(self):
        self.make(0o700)
        os.chown(self.locks, OTHER, OTHER)
        holder = self.hold()
        self.expect(75, "run", "-n", self.key, "--", "true", **self.as_other())
        self.touch("end")
        self.assertEqual(self.finish(holder), (0, ""))
        self.expect(0, "run", "-n", self.key, "--", "true", **self.as_other())

    @needs_root
    def test_sticky_directory_lets_everybody_release_what_another_has_made(self):
        self.make(0o1777)
        holder = self.hold()
        waiter = self.start("run", "-w", "30s", self.key, "--", "true", **self.as_other())
        support.poll_until(lambda: self.status(self.key)["waiting"] == 1, "a waiter")
        self.touch("end")
        self.assertEqual(self.finish(holder), (0, ""))
        self.assertEqual(self.finish(waiter), (0, ""))
        self.assertEqual(self.json("list"), [])
        self.expect(0, "run", "-n", self.key, "--", "true")
        self.expect(0, "run", "-n", self.key, "--", "true", **self.as_other())

    holds = "$L run k -- sh -c 'echo >held; until [ -e end ]; do sleep 0.01; done' & until [ -e held ]; do sleep 0.01; done; "
    ends = "touch end; wait; "

    @needs_mounts
    def test_default_is_refused_where_it_cannot_be_written_and_no_other_is_taken(self):
        said = self.with_mounts(
            self.holds +
            "unshare -m sh -c \"mount --bind /run/lock /run/lock; $readonly; $L run -n k -- echo ran; echo $?; "
            "$L run -n other -- echo ran; echo \\$?\" 2>&1;" + self.ends + "ls -A /tmp | grep leaselock-0 || true")
        text = "\n".join(said)
        self.assertNotIn("ran", said)
        self.assertIn("/run/lock/leaselock-0", text)
        self.assertIn("LEASELOCK_URL=file:/", text)
        self.assertIn("Read-only file system", text)

    @needs_mounts
    def test_default_goes_by_the_place_and_not_by_what_we_may_do(self):
        said = self.with_mounts(
            "chmod 755 /run/lock; mount -t tmpfs -o mode=1777 none /tmp; " + self.holds +
            "ls -d /tmp/leaselock-0; ls -A /run/lock; $L run -n k -- true || echo $?; " + self.ends)
        self.assertEqual(said, ["/tmp/leaselock-0", "75"])

    @needs_mounts
    def test_processes_that_do_not_know_each_other_by_pid_exclude_each_other(self):
        said = self.with_mounts(
            "export LEASELOCK_URL=file:/run/x/cwd/locks; "
            "unshare -pf --mount-proc --kill-child $L run --ttl 1h k -- sh -c 'echo >held; sleep 60' & "
            "until [ -e held ]; do sleep 0.01; done; $L run -n k -- true || echo $?; "
            "kill -9 $!; $L run -w 30s k -- echo mine")
        self.assertEqual(said, ["75", "mine"])

    @needs_mounts
    def test_default_is_refused_in_the_private_tmp_of_a_service(self):
        said = self.with_mounts(
            "chmod 755 /run/lock; mkdir -p /run/x/systemd-private-1-x.service/tmp; "
            "mount --bind /run/x/systemd-private-1-x.service/tmp /tmp; "
            "$L run -n k -- echo ran 2>&1 || echo $?; ls -A /tmp")
        self.assertEqual(said[1:], ["69"])
        self.assertIn("LEASELOCK_URL=file:/", said[0])
        self.assertIn("private", said[0])

    @needs_mounts
    def test_full_file_system_is_told_in_time(self):
        """None of the waits has an end of its own."""
        for fill, options in (("cat /dev/zero >/run/x/full/fill 2>/dev/null || true", "size=64k"),
                              ("i=0; while touch /run/x/full/$i 2>/dev/null; do i=$((i+1)); done", "nr_inodes=20")):
            said = self.with_mounts(
                f"mount -t tmpfs -o {options} none /run/x/full; export LEASELOCK_URL=file:/run/x/full/d; $L run k0 -- true; " + self.holds +
                fill + "; for n in '' -n; do $L run $n other -- echo ran 2>&1 || echo $?; done; " + self.ends +
                "rm -f /run/x/full/[0-9f]*; $L run -n k -- echo room")
            self.assertEqual([said[1], *said[3:]], ["69", "69", "room"])
            self.assertIn("/run/x/full/d/hazel:lock:other'", said[0])
            self.assertIn("No space left on device", said[0])
            self.assertNotIn("server", said[0])

    @needs_mounts
    def test_read_only_file_system_is_told_in_time(self):
        said = self.with_mounts(
            "mount -t tmpfs none /run/x/full; export LEASELOCK_URL=file:/run/x/full/d; $L run k0 -- true; mount -o remount,ro /run/x/full; "
            "for n in '' -n; do $L run $n k -- echo ran 2>&1 || echo $?; done; $L status k >/dev/null; $L list")
        self.assertEqual(said[1::2], ["69", "69"])
        self.assertIn("/run/x/full/d/", said[0])
        self.assertIn("Read-only file system", said[0])
        self.assertNotIn("server", said[0])

    @needs_no_file
    def test_limit_of_the_size_of_files_is_told_and_no_signal_comes(self):
        self.expect(0, "run", "-n", self.key, "--", "true")
        result = support.subprocess.run(
            ["sh", "-c", 'ulimit -f 0; "$0" run "$1" -- true', support.PROGRAM, self.key], env=self.environment,
            text=True, capture_output=True, timeout=support.LIMIT)
        self.assertEqual(result.returncode, 69, result)
        self.assertIn(self.locks, result.stderr)
        self.assertIn("File too large", result.stderr)

    def test_no_error_of_a_directory_speaks_of_a_server(self):
        self.touch("file")
        for url in f"file:{self.file('a/b')}", f"file:{self.file('file')}":
            result = self.expect(69, "--url", url, "run", "k", "--", "true")
            self.assertNotIn("server", result.stderr)
            self.assertIn(url.removeprefix("file:"), result.stderr)

    def test_what_a_killed_process_was_about_to_make_is_swept_and_in_nobodys_way(self):
        self.make(0o2770)
        drafts = [os.path.join(self.locks, f".new-{number:016x}") for number in range(2)]
        for draft in drafts:
            with open(draft, "w", encoding="utf-8"):
                pass
        two_minutes_ago = time.time() - 120
        os.utime(drafts[0], (two_minutes_ago, two_minutes_ago))
        self.expect(0, "run", "-n", self.key, "--", "true")
        self.assertEqual(self.json("list"), [])
        self.assertEqual([os.path.exists(draft) for draft in drafts], [False, True])

    @needs_root
    def test_users_share_the_locks_of_a_directory_that_init_has_made(self):
        os.chmod(self.directory, 0o711)
        result = self.expect(0, "init", "locks", "--group", str(OTHER), umask=0o077)
        self.assertEqual(result.stdout, f"{self.url()}\n")
        self.assertEqual(self.mode(self.locks), 0o2770)
        fence = os.stat(os.path.join(self.locks, ".fence"))
        self.assertEqual((fence.st_gid, fence.st_mode & 0o7777), (OTHER, 0o660))
        self.expect(0, "init", self.locks, "--group", str(OTHER))
        holder = self.hold()
        self.expect(75, "run", "-n", self.key, "--", "true", **self.as_other(0o077))
        self.touch("end")
        self.assertEqual(self.finish(holder), (0, ""))
        self.expect(0, "run", "-n", self.key, "--", "true", **self.as_other(0o077))
        self.expect(0, "run", "-n", self.key, "--", "true", umask=0o077)
        stranger = self.as_other() | {"user": OTHER - 1, "group": OTHER - 1}
        self.expect(69, "run", "-n", self.key, "--", "true", **stranger)
        self.expect(69, "list", **stranger)
        self.assertEqual(sorted(os.listdir(self.directory)), ["end", "holder", "locks"])

    def test_init_says_what_is_wrong(self):
        self.expect_complaint(64, "'no such group'", "init", self.locks, "--group", "no such group")
        self.expect_complaint(64, "--group", "init", self.locks)
        self.expect_complaint(69, self.file("a/b"), "init", self.file("a/b"), "--group", str(os.getegid()))
        self.make(0o700)
        self.expect_complaint(69, "is there already", "init", self.locks, "--group", str(os.getegid()))
        self.assertEqual(self.mode(self.locks), 0o700)

    def test_status_doctor_and_run_say_where_the_locks_are(self):
        self.assertEqual(self.status(self.key)["directory"], self.locks)
        self.assertTrue(self.expect(0, "status", self.key).stdout.endswith(f"\t{self.locks}\n"))
        self.assertIn(f"locks are in {self.locks}", self.expect(0, "doctor").stdout)
        self.assertEqual([(each["severity"], each["subject"]) for each in self.json("doctor")],
                         [("info", "directory"), ("info", "guarantees")])
        self.assertEqual(self.expect(0, "run", "-v", self.key, "--", "true").stderr,
                         f"leaselock: locks are in {self.locks}\n")
        self.assertEqual(self.expect(0, "run", self.key, "--", "true").stderr, "")
        result = self.expect(69, "--url", "redis://me:secret@127.0.0.1:1/0", "run", "-n", "-v", self.key, "--", "true")
        self.assertIn("@127.0.0.1:1/0", result.stderr)
        self.assertNotIn("secret", result.stderr)

    def junk(self):
        """One of each kind that is no file of a lock; a name, and what the message calls it."""
        self.make(0o700)
        os.mkdir(self.file_of("directory"))
        os.mkfifo(self.file_of("FIFO"))
        os.symlink("/etc/passwd", self.file_of("link"))
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.file_of("socket"))
        return "directory", "FIFO", "link", "socket"

    def test_what_is_no_file_is_told_by_its_name(self):
        for kind in self.junk():
            for words in ("status", kind), ("run", kind, "--", "true"), ("release", "--force", kind):
                result = self.expect(69, *words)
                self.assertIn(self.file_of(kind), result.stderr)
                self.assertIn(f"is a {kind}", result.stderr)

    def test_list_goes_on_with_the_rest(self):
        self.junk()
        with open(self.file_of("letter"), "w", encoding="utf-8") as file:
            file.write("a letter")
        self.hold()
        self.assertEqual([lock["key"] for lock in self.json("list")], [self.key])

    @needs_root
    def test_list_goes_on_without_what_it_may_not_read(self):
        self.make(0o1777)
        with open(self.file_of("foreign"), "w", encoding="utf-8"):
            os.chmod(self.file_of("foreign"), 0o600)
        self.hold()
        result = self.expect(0, "list", "--json", **self.as_other())
        self.assertEqual([lock["key"] for lock in support.json.loads(result.stdout)], [self.key])


if __name__ == "__main__":
    main()
