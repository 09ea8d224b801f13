#!/usr/bin/env python3
# payment_test.py <payment> <url of a redis-server>: an order is paid once; one that others hold is 409, a server that
# is not there 503, and a call that is wrong 500. And a later holder's order is not written by an earlier one.
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile

payment, url = os.path.abspath(sys.argv[1]), sys.argv[2]
host, port = re.fullmatch(r"redis://([^:/]+):(\d+)(?:/\d+)?/?", url).groups()


def redis(*words):
    with socket.create_connection((host, int(port)), timeout=30) as server:
        server.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(w)}\r\n{w}\r\n".encode() for w in words))
        return server.recv(1000)


def pay(*orders, at=url):
    run = subprocess.run([payment, at, *orders], stdout=subprocess.PIPE, text=True, timeout=50, check=True)
    return [int(line) for line in run.stdout.split()]


with tempfile.TemporaryDirectory() as directory:
    os.chdir(directory)
    assert pay("7", "7", "8") == [201, 200, 201]
    assert redis("SET", "hazel:lock:pay-9", "another", "NX", "PX", "60000").startswith(b"+OK")
    assert pay("9") == [409]
    assert pay("") == [500]
    assert pay("10", at="redis://127.0.0.1:1") == [503]
    rows = dict(sqlite3.connect("orders.db").execute("SELECT id, fence FROM orders"))
    assert set(rows) == {"7", "8"} and all(2**31 < fence < 2**53 for fence in rows.values()), rows
