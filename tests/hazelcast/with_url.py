#!/usr/bin/env python3
"""with_url.py DIRECTORY PROGRAM [ARGUMENT...]: runs the program with the URL of the cluster of that
directory after its arguments."""
import os
import sys
from pathlib import Path

directory, *command = sys.argv[1:]
ports = [line.split()[0] for line in (Path(directory) / "members").read_text().splitlines()]
hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
os.execvp(command[0], [*command, f"hazelcast://{hosts}/leaselock-test"])
