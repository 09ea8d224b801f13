"""Servers that a test starts on loopback: each ends by itself after an hour, whatever happens to the process that
started it. Those of a directory are known by its file `watches`, until end_watches()."""
import os
import signal
import socket
import subprocess
from pathlib import Path

LONGEST_LIFE = 3600
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def launch(directory, words, log, mark):
    """The process. `mark` stands in its command line; what it says goes to the file `log`."""
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    # A watch that ends it should nobody else do so.
    pid = process.pid
    watch = subprocess.Popen(
        ["sh", "-c", f"sleep {LONGEST_LIFE}; grep -q {mark} /proc/{pid}/cmdline && kill -9 {pid}"],
        start_new_session=True, **QUIET)
    with open(directory / "watches", "a", encoding="ascii") as watches:
        watches.write(f"{watch.pid}\n")
    return process


def is_running(pid, *marks):
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
        return all(mark.encode() in text for mark in marks)
    except OSError:
        return False


def end(pid, *marks):
    """If the process is still the one whose command line has all of these."""
    if is_running(pid, *marks):
        os.kill(pid, signal.SIGKILL)


def end_watches(directory, mark):
    watches = directory / "watches"
    if not watches.exists():
        return
    for pid in map(int, watches.read_text().split()):
        if is_running(pid, mark):
            os.killpg(pid, signal.SIGKILL)
    watches.unlink()
