# Goal: what ./dev puts in the way of services while it installs packages is gone when it has ended, however it
# ended, and what others have put there stays. Method: ./dev with an apt-get of the test, and a /usr/sbin of its own;
# that needs mounts, and a line says so where the test has no right to them. Usage: dev_policy_test.py
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
POLICY = "/usr/sbin/policy-rc.d"
LIMIT = 40  # seconds
APT = """#!/bin/sh
[ "$1" = install ] || [ "$3" = install ] || exit 0
cat /usr/sbin/policy-rc.d >"$TEST_DIRECTORY/policy"
until [ -e "$TEST_DIRECTORY/go-on" ]; do sleep 0.01; done
exit 1
"""
MAY_MOUNT = subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0


class DevPolicy(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="leaselock-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        # No clang-format-14, so that there is something to be installed.
        programs = os.path.join(self.directory, "programs")
        os.mkdir(programs)
        for name in ("bash", "cat", "chmod", "dirname", "env", "grep", "id", "rm", "sed", "setsid", "sh", "sleep", "tee"):
            os.symlink(shutil.which(name), os.path.join(programs, name))
        with open(os.path.join(programs, "apt-get"), "w", encoding="utf-8") as file:
            file.write(APT)
        os.chmod(file.name, 0o755)
        self.environment = {"PATH": programs, "TEST_DIRECTORY": self.directory}

    def start(self, before="true"):
        """./dev, which has got as far as apt-get, with the pid that it has there."""
        script = f"mount -t tmpfs none /usr/sbin; {before}; cd {ROOT}; exec env -i PATH=$1 TEST_DIRECTORY=$2 ./dev format"
        dev = subprocess.Popen(["unshare", "-m", "sh", "-ec", script, "sh", self.environment["PATH"], self.directory],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(dev.wait)
        self.addCleanup(self.touch, "go-on")
        self.await_that(lambda: os.path.exists(os.path.join(self.directory, "policy")), "apt-get")
        # Its root is looked into by one that has the same mounts and outlives it.
        self.sbin = os.open(f"/proc/{dev.pid}/root/usr/sbin", os.O_RDONLY)
        self.addCleanup(os.close, self.sbin)
        return dev

    def touch(self, name):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8"):
            pass

    def await_that(self, condition, what):
        end = time.monotonic() + LIMIT
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.01)

    def policy(self):
        try:
            file = os.open("policy-rc.d", os.O_RDONLY, dir_fd=self.sbin)
        except FileNotFoundError:
            return None
        with os.fdopen(file, encoding="utf-8") as text:
            return text.read()

    def test_policy_is_gone_however_dev_ended(self):
        ends = {"by itself": lambda dev: None, "SIGTERM": lambda dev: dev.terminate(), "SIGKILL": lambda dev: dev.kill(),
                "SIGKILL to all": lambda dev: os.killpg(dev.pid, signal.SIGKILL)}
        for name, end in ends.items():
            dev = self.start()
            self.assertIn("exit 101", self.policy(), name)
            end(dev)
            self.touch("go-on")
            dev.wait(LIMIT)
            self.await_that(lambda: self.policy() is None, f"{name}: the end of the policy")
            for file in ("go-on", "policy"):
                os.remove(os.path.join(self.directory, file))

    def test_policy_of_others_stays_and_one_of_a_dead_dev_does_not(self):
        dev = self.start("echo 'exit 104' >/usr/sbin/policy-rc.d")
        self.touch("go-on")
        dev.wait(LIMIT)
        self.assertEqual(self.policy(), "exit 104\n")
        for file in ("go-on", "policy"):
            os.remove(os.path.join(self.directory, file))
        dev = self.start("printf '#!/bin/sh\\n# by ./dev, process 4194305\\nexit 101\\n' >/usr/sbin/policy-rc.d")
        self.touch("go-on")
        dev.wait(LIMIT)
        self.await_that(lambda: self.policy() is None, "the end of the policy")


if __name__ == "__main__":
    if MAY_MOUNT:
        unittest.main(verbosity=2)
    print("needs mounts of its own, not looked at")
