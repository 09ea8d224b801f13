#!/usr/bin/env python3
"""A Redis Cluster for tests, on loopback: plain and TLS, nothing persisted.

cluster.py start DIRECTORY [TIMEOUT [ADDRESS]]
                                       starts six nodes, three masters with a replica each, which take a node for
                                       dead after TIMEOUT ms (5000), and says in DIRECTORY/nodes where they are:
                                       "PORT TLS-PORT PID", one a line. They announce that address (127.0.0.1).
                                       DIRECTORY/tls.pem is their authority.
cluster.py restart DIRECTORY PORT      starts the node of that port again
cluster.py wait DIRECTORY              returns when all slots are served, and each replica has its master's data
cluster.py url DIRECTORY               says its URL
cluster.py stop DIRECTORY              ends them, by pid

Nodes end by themselves after an hour, whatever happens to the process that started them.
"""
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from watched import QUIET, end, end_watches, free_ports, launch  # noqa: E402

SERVER = "redis-server"
NODES = 6
HERE = "127.0.0.1"
PATIENCE = 60  # seconds, on a busy machine


def fail(text):
    sys.exit(f"cluster.py: {text}")


def ask(port, *words):
    """The answer of a node, as text; None: it does not answer."""
    done = subprocess.run(["redis-cli", "-p", str(port), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=False, text=True, timeout=PATIENCE)
    return done.stdout if done.returncode == 0 else None


def wait(what, is_over):
    end = time.monotonic() + PATIENCE
    while not is_over():
        if time.monotonic() > end:
            fail(f"{what}: not in {PATIENCE} s")
        time.sleep(0.1)


def make_certificate(directory):
    there = directory / "tls"
    subprocess.run(["openssl", "req", "-x509", "-days", "1", "-subj", "/CN=cluster", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", f"{there}.key", "-out", f"{there}.pem"], check=True, **QUIET)


def begin(directory, port, tls_port):
    """Without data: what it had from its master lies in a file, which by a common name is that of another node. Its keys
    would make the node import slots of which it knows nothing."""
    (directory / f"{port}.rdb").unlink(missing_ok=True)
    bus = (directory / f"{port}.bus").read_text()
    bound = " ".join(dict.fromkeys([HERE, (directory / "address").read_text()]))
    arguments = {"port": port, "bind": bound, "protected-mode": "no", "dir": directory, "save": "", "dbfilename": f"{port}.rdb",
                 "cluster-enabled": "yes", "cluster-port": bus, "cluster-config-file": f"{port}.conf",
                 "cluster-node-timeout": (directory / "timeout").read_text(), "repl-diskless-sync-delay": 0,
                 "tls-port": tls_port, "tls-cert-file": directory / "tls.pem", "tls-key-file": directory / "tls.key",
                 "tls-ca-cert-file": directory / "tls.pem", "tls-auth-clients": "no", "tls-cluster": "yes",
                 "tls-replication": "yes"}
    words = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    with open(directory / f"{port}.log", "ab") as log:
        return launch(directory, [SERVER, *words], log, SERVER).pid


def is_whole(port, count):
    """Whether it sees all slots served, which nodes are replicas, and each replica with its master's data. That a node
    is one only that node itself says: if it ended before it was heard, it would be taken for a master for ever."""
    info = ask(port, "cluster", "info") or ""
    if "cluster_state:ok" not in info or f"cluster_known_nodes:{count}" not in info:
        return False
    flags = [line.split()[2] for line in (ask(port, "cluster", "nodes") or "").splitlines() if line]
    replication = ask(port, "info", "replication") or ""
    is_linked = "role:master" in replication or "master_link_status:up" in replication
    replicas = sum("slave" in each for each in flags)
    return is_linked and replicas == count // 2 and not any("fail" in each or "handshake" in each for each in flags)


def wait_whole(known):
    wait("the cluster", lambda: all(is_whole(port, len(known)) for port, _, _ in known))


def create(directory, known):
    address = (directory / "address").read_text()
    addresses = [f"{address}:{tls_port}" for _, tls_port, _ in known]
    for port, _, _ in known:
        wait(f"the node at {port}", lambda port=port: ask(port, "ping") == "PONG\n")
    done = subprocess.run(["redis-cli", "--tls", "--cacert", directory / "tls.pem", "--cluster", "create", *addresses,
                           "--cluster-replicas", "1", "--cluster-yes"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        fail(f"no cluster:\n{done.stdout}")


def write_nodes(directory, known):
    text = "".join(f"{port} {tls_port} {pid}\n" for port, tls_port, pid in known)
    (directory / "nodes.new").write_text(text)
    (directory / "nodes.new").rename(directory / "nodes")


def nodes(directory):
    return [tuple(map(int, line.split())) for line in (directory / "nodes").read_text().splitlines()]


def start(directory, timeout="5000", address=HERE):
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    (directory / "timeout").write_text(timeout)
    (directory / "address").write_text(address)
    make_certificate(directory)
    ports = free_ports(3 * NODES)
    known = []
    for port, tls_port, bus in zip(*[iter(ports)] * 3):
        (directory / f"{port}.bus").write_text(str(bus))
        known.append((port, tls_port, begin(directory, port, tls_port)))
        write_nodes(directory, known)
    create(directory, known)
    wait_whole(known)


def restart(directory, port):
    known = [(each, tls_port, begin(directory, each, tls_port) if each == port else pid)
             for each, tls_port, pid in nodes(directory)]
    write_nodes(directory, known)
    wait_whole(known)


def stop(directory):
    end_watches(directory, SERVER)
    if not (directory / "nodes").exists():
        return
    for _, _, pid in nodes(directory):
        end(pid, SERVER)
    (directory / "nodes").unlink()


def main(word, directory, *rest):
    directory = Path(directory).resolve()
    if word == "start":
        stop(directory)
        start(directory, *rest)
    elif word == "restart":
        restart(directory, int(rest[0]))
    elif word == "wait":
        wait_whole(nodes(directory))
    elif word == "url":
        print("redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port, _, _ in nodes(directory)[:2]))
    elif word == "stop":
        stop(directory)
    else:
        fail(f"unknown word: {word}")


main(*sys.argv[1:])
