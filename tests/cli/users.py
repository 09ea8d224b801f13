# What tests of lock directories stand on: other users, and mounts of their own. Both need root; a line says so
# where the tests have other rights.
import functools
import os
import shutil
import subprocess

import support
from support import CliTest, PREFIX

OTHER = 65534  # a user, and a group, who is not us


def needs(right, there):
    """Of a test: what it needs, and whether that is there. If not, a line says so."""
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            if there:
                test(self)
            else:
                print(f"{test.__name__}: needs {right}, not looked at", flush=True)
        return run
    return decorate


needs_root = needs("root", os.geteuid() == 0)
needs_mounts = needs("mounts of its own", subprocess.run(
    ["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0)

# A program of the sanitizers needs /proc itself, and files of some size.
def runs_after(setup, *words):
    return subprocess.run([*words, "sh", "-ec", setup + '; "$0" --version', support.PROGRAM],
                          capture_output=True, check=False).returncode == 0


needs_no_proc = needs("mounts of its own, and a program that runs without /proc",
                      runs_after("mount -t tmpfs none /proc", "unshare", "-m"))
needs_no_file = needs("a program that runs without room in files", runs_after("ulimit -f 0"))


class UsersTest(CliTest):
    """Locks are in a directory of the test, which other users may reach if `make` says so."""

    @classmethod
    def setUpClass(cls):
        # Where another user may start it, too.
        cls.programs = support.tempfile.mkdtemp(prefix="leaselock-")
        os.chmod(cls.programs, 0o755)
        cls.program = shutil.copy(support.PROGRAM, cls.programs)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.programs)

    def url(self):
        self.locks = self.file("locks")
        return f"file:{self.locks}"

    def make(self, mode, group=-1):
        os.chmod(self.directory, 0o711)
        os.mkdir(self.locks)
        os.chown(self.locks, -1, group)
        os.chmod(self.locks, mode)

    def as_other(self, umask=0o022, groups=()):
        """Options of a command that another user runs."""
        return {"user": OTHER, "group": OTHER, "extra_groups": list(groups), "umask": umask,
                "executable": self.program, "cwd": "/"}

    def file_of(self, key):
        return os.path.join(self.locks, PREFIX + key)

    def mode(self, path):
        return os.stat(path).st_mode & 0o7777

    def with_mounts(self, script):
        """The output of a script that sees mounts of its own. $L is the command, without a URL;
        in its /run/lock nothing is yet."""
        environment = {name: value for name, value in os.environ.items() if name != "LEASELOCK_URL"}
        setup = ("mount -t tmpfs none /run; mkdir -m 1777 /run/lock; mkdir -p /run/x/full /run/x/cwd; "
                 "cp $L /run/x/leaselock; L=/run/x/leaselock; cd /run/x/cwd; "
                 "readonly='mount -o remount,ro,bind /run/lock'; ")
        words = ["unshare", "-m", "sh", "-ec", setup + script]
        result = subprocess.run(words, env=environment | {"L": self.program}, text=True, timeout=support.LIMIT,
                                        capture_output=True, cwd=self.directory)
        self.assertEqual(result.returncode, 0, result)
        return result.stdout.splitlines()
