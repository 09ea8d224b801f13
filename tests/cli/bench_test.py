# Goal: bench tells what it has measured, and leaves nothing locked; a start costs few round trips.
# Method: short measurements on both backends; a proxy that counts between the command and the server.
import selectors
import socket
import threading

from support import CliTest, main


class Proxy:
    """Counts how often the other side has spoken after an answer, over all connections."""

    def __init__(self, path, target):
        self.path, self.target, self.count = path, target, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        with client, socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as ready:
            server.connect(self.target)
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            answered = True
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    self.count += key.fileobj is client and answered
                    answered = key.fileobj is server
                    key.data.sendall(data)

    def close(self):
        self.listener.close()


class Bench(CliTest):
    def assert_measured(self, *words):
        rows = self.json(*words, "bench", "--time", "50ms")
        self.assertEqual([row["what"] for row in rows], ["round trip", "cycle", "hand-off"])
        for row in rows:
            self.assertGreater(row["count"], 0, row)
            self.assertGreater(row["per_second"], 0, row)
            self.assertLessEqual(row["median_us"], row["p99_us"], row)
            self.assertLessEqual(row["p99_us"], row["max_us"], row)
        self.assertEqual(self.json(*words, "list"), [])

    def test_measures_redis(self):
        self.assert_measured()

    def test_measures_files(self):
        self.assert_measured("--url", f"file:{self.file('locks')}")

    def test_tells_a_line_for_each(self):
        lines = self.expect(0, "bench", "--time", "10ms").stdout.splitlines()
        self.assertEqual([line.split("\t")[0] for line in lines], ["round trip", "cycle", "hand-off"])

    def test_a_run_takes_two_round_trips_more_than_its_lock_at_most(self):
        self.expect(0, "run", self.key, "--", "true")  # the server knows the scripts from here on
        proxy = Proxy(self.file("proxy.sock"), self.server.path)
        self.addCleanup(proxy.close)
        self.expect(0, "--url", f"redis+unix://{proxy.path}", "run", self.key, "--", "true")
        self.assertGreaterEqual(proxy.count, 2, "an acquire and a release")
        self.assertLessEqual(proxy.count, 2 + 2)


if __name__ == "__main__":
    main()
