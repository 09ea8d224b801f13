# Goal: doctor names each set-up of a lock directory that is doubtful, says what to do, and finds nothing in a good
# one. Method: directories of the test, below others and beside files that make them doubtful; where another user or
# a mount is needed the test needs root.
import os
import struct

from support import PREFIX, main
from users import OTHER, UsersTest, needs_mounts, needs_no_proc, needs_root


class Findings(UsersTest):
    def findings(self, code, **options):
        """What doctor finds, but for where the locks are and what is promised: pairs of severity and text."""
        lines = self.expect(code, "doctor", **options).stdout.splitlines()
        found = [line.split("\t") for line in lines]
        self.assertEqual([each[:2] for each in found[:2]], [["info", "directory"], ["info", "guarantees"]])
        self.assertTrue(all(advice for _, _, _, advice in found[2:]))
        return [(severity, text) for severity, _, text, _ in found[2:]]

    def expect_finding(self, code, severity, *texts, **options):
        found = self.findings(code, **options)
        self.assertEqual([each[0] for each in found], [severity], found)
        for text in texts:
            self.assertIn(text, found[0][1])

    def test_nothing_is_found_in_a_good_directory(self):
        for mode in 0o700, 0o755, 0o2770:
            self.make(mode)
            self.assertEqual(self.findings(0), [])
            os.remove(os.path.join(self.locks, ".fence"))
            os.rmdir(self.locks)

    def test_directory_above_that_others_may_write_to_is_a_problem(self):
        self.make(0o700)
        for mode in 0o777, 0o770:
            os.chmod(self.directory, mode)
            self.expect_finding(1, "problem", "others can put another directory in the place", self.locks,
                                f"others may write to {self.directory}")
        os.chmod(self.directory, 0o1777)
        self.assertEqual(self.findings(0), [])

    @needs_root
    def test_directory_above_of_somebody_else_is_a_problem(self):
        self.make(0o700)
        os.chown(self.directory, OTHER, -1)
        self.expect_finding(1, "problem", "in the place of", f"{self.directory} belongs to user {OTHER}")

    @needs_root
    def test_link_of_somebody_else_is_a_problem(self):
        self.make(0o700)
        link = self.file("link")
        os.symlink(self.locks, link)
        self.environment["LEASELOCK_URL"] = f"file:{link}"
        self.assertEqual(self.findings(0), [])
        os.chown(link, OTHER, -1, follow_symlinks=False)
        self.expect_finding(1, "problem", "in the place of", f"{link} belongs to user {OTHER}")

    def test_link_is_followed_to_what_is_above_its_end(self):
        self.make(0o700)
        os.mkdir(self.file("open"))
        os.rename(self.locks, self.file("open/locks"))
        os.symlink(self.file("open/locks"), self.locks)
        os.chmod(self.file("open"), 0o777)
        self.expect_finding(1, "problem", "in the place of", f"others may write to {self.file('open')}")

    def test_directory_that_everybody_may_write_to_is_a_hint(self):
        self.make(0o777)
        self.expect_finding(0, "hint", f"everybody may write to {self.locks}")

    @needs_root
    def test_default_access_list_is_a_hint(self):
        self.make(0o2770)
        # Version 2; owner, user OTHER, group, mask, others.
        entries = (1, 7, 0xffffffff), (2, 4, OTHER), (4, 7, 0xffffffff), (16, 7, 0xffffffff), (32, 0, 0xffffffff)
        text = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
        os.setxattr(self.locks, "system.posix_acl_default", text)
        self.expect_finding(0, "hint", f"{self.locks} has a default access list")

    def test_what_is_no_file_of_a_lock_is_a_hint(self):
        self.make(0o700)
        os.mkfifo(self.file_of("fifo"))
        self.expect_finding(0, "hint", self.file_of("fifo"))

    def test_fencing_tokens_that_cannot_be_are_a_problem(self):
        self.make(0o700)
        with open(os.path.join(self.locks, ".fence"), "wb") as file:
            file.write(struct.pack("<QQ", 1 << 60, 0))
        self.expect_finding(1, "problem", f"{self.locks}/.fence", "remove the file")

    @needs_mounts
    def test_boot_id_of_its_own_is_a_hint(self):
        self.environment["LEASELOCK_URL"] = "file:/run/x/cwd/locks"
        said = self.with_mounts(
            "export LEASELOCK_URL=file:/run/x/cwd/locks; "
            "$L run k -- sh -c 'echo >held; until [ -e end ]; do sleep 0.01; done' & until [ -e held ]; do sleep 0.01; done; "
            "echo 00000000-0000-0000-0000-000000000000 >id; mount --bind id /proc/sys/kernel/random/boot_id; "
            "$L run -n k -- true || echo $?; $L doctor; touch end; wait")
        self.assertEqual(said[0], "75")
        self.assertRegex(said[3], f"^hint\tdirectory\t'/run/x/cwd/locks/{PREFIX}k' .* another boot id\t")

    @needs_no_proc
    def test_want_of_proc_is_a_problem(self):
        said = self.with_mounts(
            "export LEASELOCK_URL=file:/run/x/cwd/locks; mount -t tmpfs none /proc; $L doctor || echo $?")
        self.assertTrue(any("/proc" in line and line.startswith("problem") for line in said), said)
        self.assertEqual(said[-1], "1")


if __name__ == "__main__":
    main()
