#!/usr/bin/env python3
# asio_server_test.py <asio_server>: several clients buy all there is, and some more, at the same time;
# one hangs up in the middle. Then every piece was sold once, and the server ends by SIGTERM.
import signal
import socket
import subprocess
import sys
import threading

CLIENTS = 8
STOCK = {"apple": 40, "pear": 25}
EACH = 6  # a client and product: 48 of either


def lines(server, wanted):
    with socket.create_connection(("127.0.0.1", server)) as connection:
        connection.settimeout(30)
        replies = connection.makefile()
        for product in wanted:
            connection.sendall(f"BUY {product}\n".encode())
            yield product, replies.readline().rstrip("\n")


def buy(port, answers):
    answers.extend(lines(port, list(STOCK) * EACH))


def check(port):
    answers = []
    clients = [threading.Thread(target=buy, args=(port, answers)) for _ in range(CLIENTS)]
    with socket.create_connection(("127.0.0.1", port)) as gone:
        gone.sendall(b"BUY stone\nBUY app")
        for client in clients:
            client.start()
    for client in clients:
        client.join()
    for product, stock in STOCK.items():
        told = sorted(reply for what, reply in answers if what == product)
        sold = sorted(f"SOLD {left}" for left in range(stock))
        expected = ["SOLD OUT"] * (CLIENTS * EACH - stock)
        assert told == sorted(sold + expected), f"{product}: {told}"
    assert next(lines(port, ["stone"]))[1].startswith("ERROR "), "what is not there was sold"


with subprocess.Popen([sys.argv[1], "0"], stdout=subprocess.PIPE, text=True) as server:
    try:
        check(int(server.stdout.readline().removeprefix("port ")))
        server.send_signal(signal.SIGTERM)
        rest = server.stdout.read()
        assert server.wait(30) == 0, f"the server ended with {server.returncode}"
        for product in STOCK:
            assert f"{product} 0\n" in rest, rest
    finally:
        server.kill()
