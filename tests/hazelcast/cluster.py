#!/usr/bin/env python3
"""A Hazelcast cluster for tests, on loopback.

cluster.py start DIRECTORY JAR [COUNT [CP]]   starts COUNT members (3), of which CP (3) have the CP subsystem,
                                              and says in DIRECTORY/members where they are: "PORT PID", one a line
cluster.py restart DIRECTORY JAR [PORT]       starts the member of that port again, which has ended; or ends all, and
                                              starts them where they were
cluster.py stop DIRECTORY                     ends them, by pid

Members end by themselves after an hour, whatever happens to the process that started them.
"""
import os
import re
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from watched import end, end_watches, free_ports, launch  # noqa: E402

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "member.xml"
PATIENCE = 120  # seconds; a member takes some 10 on an idle machine
MEMBER = "HazelcastMemberStarter"
JAVA = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--add-modules", "java.se"]
OPENED = ["java.base/java.lang", "java.base/sun.nio.ch", "java.management/sun.management",
          "jdk.management/com.sun.management.internal"]


def fail(text):
    sys.exit(f"cluster.py: {text}")


def check_config():
    """Nothing of it may look for others, or tell anybody of itself."""
    space = "{http://www.hazelcast.com/schema/config}"
    root = ElementTree.parse(CONFIG).getroot()
    properties = {each.get("name"): each.text for each in root.iter(f"{space}property")}
    join = root.find(f"{space}network/{space}join")
    off = [join.find(f"{space}{name}").get("enabled") for name in ("auto-detection", "multicast")]
    if properties.get("hazelcast.phone.home.enabled") != "false" or off != ["false", "false"]:
        fail(f"{CONFIG} lets members call home, or look for others")


def check_jar(jar):
    if not Path(jar).is_file():
        fail(f"{jar} is missing: ./dev test fetches it; -DLEASELOCK_HAZELCAST_TESTS=OFF does without these tests")


def begin(directory, jar, port, ports, cp):
    places = dict(zip(("first", "second", "third"), [f"127.0.0.1:{each}" for each in (ports * 3)[:3]]))
    defines = [f"-Dleaselock.{name}={value}" for name, value in {"port": port, "cp": cp, **places}.items()]
    opened = [f"--add-opens={each}=ALL-UNNAMED" for each in OPENED]
    exported = ["--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED"]
    with open(directory / f"{port}.log", "wb") as log:
        return launch(directory,
                      JAVA + exported + opened + defines +
                      [f"-Dhazelcast.config={CONFIG}", "-Dhazelcast.logging.type=jdk", "-cp", str(jar),
                       f"com.hazelcast.core.server.{MEMBER}"], log, MEMBER)


def wait(directory, process, port, text):
    log = directory / f"{port}.log"
    end = time.monotonic() + PATIENCE
    while not re.search(text, log.read_text(errors="replace")):
        if process.poll() is not None or time.monotonic() > end:
            fail(f"the member at port {port} does not come up:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.1)


def check_sockets(process):
    """It listens on loopback, and is connected to nothing else."""
    inodes = set()
    for each in Path(f"/proc/{process.pid}/fd").iterdir():
        match = re.match(r"socket:\[(\d+)\]", os.readlink(each) if each.is_symlink() else "")
        if match:
            inodes.add(match.group(1))
    for name, loopback in (("tcp", r"0100007F"), ("tcp6", r"0{24}01000000|0000000000000000FFFF00000100007F")):
        for line in Path(f"/proc/{process.pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and not re.match(loopback, fields[1]):
                fail(f"a member has a socket beyond loopback: {line}")


def start(directory, jar, count=3, cp=3):
    check_config()
    check_jar(jar)
    directory.mkdir(parents=True, exist_ok=True)
    launch_all(directory, jar, free_ports(count), cp)


def launch_all(directory, jar, ports, cp):
    processes = [begin(directory, jar, port, ports, cp) for port in ports]
    (directory / "members").write_text("".join(f"{port} {each.pid}\n" for port, each in zip(ports, processes)))
    (directory / "cp").write_text(str(cp))
    for port, process in zip(ports, processes):
        wait(directory, process, port, r"CP Subsystem is initialized with" if 0 < cp <= len(ports) else r"is STARTED")
        check_sockets(process)


def members(directory):
    return [tuple(map(int, line.split())) for line in (directory / "members").read_text().splitlines()]


def restart(directory, jar, port):
    known = members(directory)
    process = begin(directory, jar, port, [each for each, _ in known], int((directory / "cp").read_text()))
    lines = [(each, process.pid if each == port else pid) for each, pid in known]
    (directory / "members").write_text("".join(f"{each} {pid}\n" for each, pid in lines))
    wait(directory, process, port, r"is STARTED")


def restart_all(directory, jar):
    ports, cp = [port for port, _ in members(directory)], int((directory / "cp").read_text())
    stop(directory)
    launch_all(directory, jar, ports, cp)


def stop(directory):
    end_watches(directory, MEMBER)
    if not (directory / "members").exists():
        return
    for _, pid in members(directory):
        end(pid, MEMBER)
    (directory / "members").unlink()


def main(word, directory, *rest):
    directory = Path(directory)
    if word == "start":
        stop(directory)
        start(directory, rest[0], *map(int, rest[1:]))
    elif word == "restart":
        if len(rest) > 1:
            restart(directory, rest[0], int(rest[1]))
        else:
            restart_all(directory, rest[0])
    elif word == "stop":
        stop(directory)
    else:
        fail(f"unknown word: {word}")


main(*sys.argv[1:])
