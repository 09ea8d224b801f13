#!/usr/bin/env python3
"""A Redis master with two replicas and three Sentinels for tests, on free ports of loopback.

sentinels.py start DIRECTORY [DOWN-AFTER [ADDRESS]]
                                      starts them, and says in DIRECTORY/members where they are: "KIND PORT PID",
                                      one a line, three of the kind `server`, whose first is the master, and three
                                      of the kind `sentinel`; they know each other by that address (127.0.0.1),
                                      and take one that answers nothing for DOWN-AFTER ms (5000) for dead
sentinels.py restart DIRECTORY PORT   starts the server of that port again, without its data, as one that knows
                                      nothing of replicas: a master, until the Sentinels see to it
sentinels.py url DIRECTORY            prints the URL of the master by way of the Sentinels
sentinels.py stop DIRECTORY           ends them, by pid

The user `locker` of the servers is that of tests/conformance/locker.acl, with what Sentinels need beside. They end by
themselves after an hour, whatever happens to the process that started them. Their time-outs are for a busy machine.
"""
import socket
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from watched import end, end_watches, free_ports, launch  # noqa: E402

SERVER = "redis-server"
NAME = "leaselock-test"
HERE = "127.0.0.1"
DOWN_AFTER = "5000"  # ms
PATIENCE = 60  # seconds
ACL = Path(__file__).resolve().parent.parent / "conformance" / "locker.acl"
PASSWORD = "a password"
MORE_RIGHTS = ["+role", "+wait", "+info"]


def fail(text):
    sys.exit(f"sentinels.py: {text}")


def begin(directory, port, words):
    with open(directory / f"{port}.log", "ab") as log:
        return launch(directory, [SERVER, *words], log, SERVER).pid


def address(directory):
    return (directory / "address").read_text()


def bound(directory):
    return " ".join(dict.fromkeys([HERE, address(directory)]))


def begin_server(directory, port, master=None):
    words = ["--port", str(port), "--bind", bound(directory), "--protected-mode", "no", "--dir", str(directory),
             "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0", "--dbfilename", f"{port}.rdb"]
    if master is not None:
        words += ["--replicaof", f"{address(directory)} {master}"]
    return begin(directory, port, words)


def begin_sentinel(directory, port, master, down_after):
    config = directory / f"{port}.conf"
    config.write_text(f"""port {port}
bind {bound(directory)}
protected-mode no
dir {directory}
sentinel monitor {NAME} {address(directory)} {master} 2
sentinel down-after-milliseconds {NAME} {down_after}
sentinel failover-timeout {NAME} {2 * int(down_after)}
sentinel parallel-syncs {NAME} 2
""")
    return begin(directory, port, [str(config), "--sentinel"])


def ask(port, *words):
    """The answer as text, lists with one element a line; an error is an exception."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(each.encode()), each.encode())
                                                             for each in words))
        stream = connection.makefile("rb")

        def read():
            line = stream.readline().decode().rstrip("\r\n")
            if line[:1] == "-" or not line:
                raise OSError(line)
            if line[:1] == "$" and line != "$-1":
                return stream.read(int(line[1:]) + 2)[:-2].decode()
            if line[:1] == "*":
                return "\n".join(read() for _ in range(max(0, int(line[1:]))))
            return line[1:]

        return read()


def wait(what, is_there):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if is_there():
                return
        except OSError:
            pass
        if time.monotonic() > end:
            fail(f"{what}: not within {PATIENCE} s")
        time.sleep(0.1)


def add_user(port):
    rights = [f">{PASSWORD}" if each == ">PASSWORD" else each for each in ACL.read_text().split()]
    wait(f"the server at port {port}", lambda: ask(port, *rights, *MORE_RIGHTS) == "OK")


def knows_all(sentinel):
    lines = ask(sentinel, "SENTINEL", "MASTER", NAME).split("\n")
    fields = dict(zip(lines[::2], lines[1::2]))
    replicas = ask(sentinel, "SENTINEL", "REPLICAS", NAME)
    return fields["num-other-sentinels"] == "2" and fields["num-slaves"] == "2" and \
        fields["flags"] == "master" and replicas.count("\nmaster-link-status\nok") == 2


def start(directory, down_after=DOWN_AFTER, where=HERE):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "address").write_text(where)
    ports = free_ports(6)
    servers, sentinels = ports[:3], ports[3:]
    master = servers[0]
    pids = [begin_server(directory, port, None if port == master else master) for port in servers]
    write(directory, [("server", port, pid) for port, pid in zip(servers, pids)])
    for port in servers:
        add_user(port)
    pids += [begin_sentinel(directory, port, master, down_after) for port in sentinels]
    kinds = ["server"] * 3 + ["sentinel"] * 3
    write(directory, list(zip(kinds, ports, pids)))
    for port in sentinels:
        wait(f"the Sentinel at port {port} knows all of them", lambda port=port: knows_all(port))


def write(directory, entries):
    (directory / "members").write_text("".join(f"{kind} {port} {pid}\n" for kind, port, pid in entries))


def members(directory):
    lines = [line.split() for line in (directory / "members").read_text().splitlines()]
    return [(kind, int(port), int(pid)) for kind, port, pid in lines]


def restart(directory, port):
    known = members(directory)
    for _, each, pid in known:
        if each == port:
            end(pid, SERVER, str(port))
    pid = begin_server(directory, port)
    write(directory, [(kind, each, pid if each == port else before) for kind, each, before in known])
    add_user(port)


def stop(directory):
    end_watches(directory, SERVER)
    if (directory / "members").exists():
        for _, port, pid in members(directory):
            end(pid, SERVER, str(port))
        (directory / "members").unlink()


def main(word, directory, *rest):
    directory = Path(directory)
    if word == "start":
        stop(directory)
        start(directory, *rest)
    elif word == "restart":
        restart(directory, int(rest[0]))
    elif word == "url":
        hosts = ",".join(f"{address(directory)}:{port}" for kind, port, _ in members(directory) if kind == "sentinel")
        print(f"redis+sentinel://{hosts}/{NAME}")
    elif word == "stop":
        stop(directory)
    else:
        fail(f"unknown word: {word}")


main(*sys.argv[1:])
