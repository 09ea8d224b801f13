# Goal: top shows what is held, does what its keys ask for, survives a store that goes away, and
# leaves the terminal as it was; where there is none it prints snapshots. Method: on a
# pseudo-terminal whose picture is put together from what is written (screen.py); through pipes.
import fcntl
import json
import os
import pty
import re
import signal
import struct
import termios
import unicodedata

from screen import Screen
from support import LIMIT, PREFIX, PROGRAM, CliTest, gone_with_us, main, poll_until

TIME = r"\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


class OnTerminal:
    """Top on a terminal of its own, or what else is started there."""

    def __init__(self, test, *words, rows=12, columns=120, program=PROGRAM, **environment):
        self.ours, theirs = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.ours)

        def in_front():
            gone_with_us()
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = test.start(
            *words, program=program, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=False, preexec_fn=in_front,
            env=test.environment | {"TERM": "vt100", "LC_ALL": "C.UTF-8"} | environment)
        os.close(theirs)
        os.set_blocking(self.ours, False)
        test.addCleanup(self.hang_up)

    def resize(self, rows, columns):
        self.screen = Screen(rows, columns)
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.ours, keys.encode())

    def hang_up(self):
        if self.ours >= 0:
            os.close(self.ours)
            self.ours = -1

    def lines(self):
        try:
            while data := os.read(self.ours, 65536):
                self.screen.feed(data)
        except OSError:  # nothing more, or nobody who could write
            pass
        return self.screen.lines()

    def shows(self, *patterns):
        """Whether there is a line for each of them, in this order."""
        lines = iter(self.lines())
        return all(any(re.search(pattern, line) for line in lines) for pattern in patterns)

    def await_lines(self, *patterns):
        try:
            poll_until(lambda: self.shows(*patterns), f"{patterns} on the screen")
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self.lines()])) from None

    def await_end(self):
        """Its exit status, when the terminal is as it was."""
        poll_until(lambda: self.lines() and self.process.poll() is not None, "the end")
        assert termios.tcgetattr(self.ours) == self.before
        return self.process.returncode


class Top(CliTest):
    def setUp(self):
        super().setUp()
        if self.server.process.poll() is not None:
            self.server.start()
        self.server.ask("FLUSHALL")

    def start(self, *words, program=PROGRAM, **options):
        if program == PROGRAM:
            return super().start(*words, **options)
        return super().start(*words, executable=program, **options)

    def put(self, key, seconds=600, owner=b"me"):
        """A lock that nobody renews."""
        key = key if isinstance(key, bytes) else key.encode()
        self.server.ask("SET", PREFIX.encode() + key, owner + b"/" + 32 * b"0", "PX",
                        seconds * 1000)

    def top(self, *words, **options):
        return OnTerminal(self, "top", *words, **options)

    def test_shows_who_holds_and_who_waits(self):
        top = self.top("--interval", "100ms")
        top.await_lines(r"^locks: 0, waiting: 0, longest wait: 0ms, grants: 0\.0/s$", "^by key .*q quit",
                        "^key +owner +remaining +fence +waiting +waited +grants +held$")
        self.hold(self.key, "--ttl", "1h")
        held = self.status(self.key)
        row = rf"^{self.key[:20]}\S* +{held['owner']} +######## +59m\d\ds +{held['fencing_token']} "
        top.await_lines("^locks: 1, waiting: 0", row + r"+0 +- +\d+\.[1-9]/s +[\d.]+m?s$")
        self.start("run", self.key, "--", "true")
        top.await_lines(r"^locks: 1, waiting: 1, longest wait: \d\.\ds", row + r"+1 +\d\.\ds ")
        self.touch("end")
        top.await_lines("^locks: 0, waiting: 0, longest wait: 0ms")

    def test_shows_a_bar_of_what_is_left(self):
        self.put("a", 4000)
        top = self.top("--interval", "100ms")
        for left, bar in ((4000, "########"), (2000, r"####\.{4}"), (500, r"#\.{7}"), (4500, "########")):
            self.server.ask("EXPIRE", PREFIX + "a", left)
            top.await_lines(rf"^a +me +{bar} ")
        self.server.ask("DEL", PREFIX + "a")
        top.await_lines("^locks: 0")

    def test_tells_of_shares(self):
        self.hold("slots", "--slots", "3")
        os.remove(self.file("holder"))
        self.hold("readers", "--shared")
        self.top().await_lines(r"^readers +1 readers ", r"^slots +1 of 3 slots ")

    def test_sorts_by_its_keys(self):
        for key, seconds in (("a", 500), ("b", 900), ("c", 100)):
            self.put(key, seconds)
        top = self.top("--interval", "1h")
        top.await_lines("^by key ", "^a ", "^b ", "^c ")
        top.press("r")
        top.await_lines("^by key, reversed ", "^c ", "^b ", "^a ")
        top.press("sr")
        top.await_lines("^by remaining ", "^c ", "^a ", "^b ")
        for column in ("waiting", "waited", "grants", "key"):
            top.press("s")
            top.await_lines(f"^by {column} ", "^a ", "^b ", "^c ")

    def test_filters_by_what_is_typed(self):
        for key, owner in (("one", b"me"), ("zwölf", b"me"), ("three", b"somebody")):
            self.put(key, owner=owner)
        top = self.top("--interval", "1h")
        top.await_lines("^one ", "^three ", "^zwölf ")
        top.press("/wöx\x7f")
        top.await_lines("^/wö$", "^one ")
        top.press("\r")
        top.await_lines("^locks: 3", "^by key, with 'wö' ", "^zwölf ")
        self.assertFalse(top.shows("^one "))
        top.press("/body\r")
        top.await_lines("^by key, with 'body' ", "^three ")
        top.press("/q\x1b")
        top.await_lines("^by key, with 'body' ", "^three ")
        top.press("\x1b")
        top.await_lines("^by key [|]", "^one ", "^three ", "^zwölf ")

    def test_looks_when_it_is_asked_to(self):
        top = self.top("--interval", "1h")
        top.await_lines("^locks: 0")
        self.put("a")
        top.press(" ")
        top.await_lines("^locks: 1", "^a ")

    def test_writes_what_has_changed_and_no_more(self):
        self.put("a same")
        top = self.top("--interval", "100ms")
        top.await_lines("^a same ")
        before = top.screen.raw.count("a same")
        for i in range(5):
            self.put(f"other{i}")
            top.await_lines(f"^locks: {2 + i}", f"^other{i} ")
        self.assertEqual(top.screen.raw.count("a same"), before)
        self.assertEqual(top.screen.clears, 1)

    def test_fits_into_any_window(self):
        for i in range(20):
            self.put(f"key{i:02}-" + 30 * "x")
        top = self.top("--interval", "1h")
        top.await_lines("^key00-x{30} +me ", "^key07-", "^12 more$")
        self.assertFalse(top.shows("^key08"))
        top.resize(40, 60)
        top.await_lines("^locks: 20", r"^key00-x{9}~ me +9m5\ds +0 ", "^key19-")
        top.resize(6, 30)
        top.await_lines("^key00-", "^key01-", "^18 more$")
        for rows, columns in ((3, 9), (2, 2), (1, 1)):
            top.resize(rows, columns)
            top.await_lines("^[l~]")
        top.resize(40, 140)
        top.await_lines("^key00-x{30} +me ", "^key19-x{30} ")
        top.press("q")
        self.assertEqual(top.await_end(), 0)

    def test_shows_keys_first_where_there_is_little_room(self):
        key = "orders:import:2026-11-28:berlin"
        self.expect(0, "--owner", "worker-17.prod.example", "run", "--min-hold", "1h", key, "true")
        fence = str(self.status(key)["fencing_token"])
        top = self.top("--interval", "1h", columns=80)
        top.await_lines("^key +owner +left +fence +waiting +waited +grants$",
                        rf"^{key} worker-17~ +\d+m\d\ds ~{fence[-6:]} +0 +- +\d+\.\d/s$")
        self.assertLessEqual(max(len(line) for line in top.lines()), 80)
        top.resize(12, 160)
        top.await_lines("^key +owner +remaining +fence +waiting +waited +grants +held$",
                        rf"^{key} +worker-17\.prod\.example \(kept\) +######## +\d+m\d\ds +{fence} ")

    def test_wide_characters_stand_in_line_with_others(self):
        keys = ("e\u0301-combined", "plain", "wörter", "库存-北京", "🚚-lkw")
        for key in keys:
            self.put(key)
        for columns in (80, 160):
            top = self.top("--interval", "1h", columns=columns)
            top.await_lines(*(f"^{key} " for key in keys))
            lines = [y for y in range(3, 3 + len(keys))]
            self.assertEqual(len({top.screen.column_of(y, "me ") for y in lines}), 1, top.lines())
        plain = self.on_terminal("list")
        widths = {sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
                      for c in line.split(" yes ")[0]) for line in plain.splitlines()[1:]}
        self.assertEqual(len(widths), 1, plain)

    def test_lets_no_control_character_through(self):
        self.put(b"esc\x1b[2Jkey\x9b2J", owner=b"o\x1b]0;title\x07")
        self.put("csi\x9b2Jkey€")
        top = self.top()
        top.await_lines(r"^csi\\xc2\\x9b2Jkey€ ", r"^esc\\x1b\[2Jkey\\x9b2J +o\\x1b\]0;title\\x07 ")
        self.assertNotIn("\x1b[2J", top.screen.raw)
        top = self.top(LC_ALL="C")
        top.await_lines(r"^csi\\xc2\\x9b2Jkey\?\?\? ", r"^esc\\x1b\[2Jkey\\x9b2J +o\\x1b\]0;title\\x07 ")

    def test_ends_and_leaves_the_terminal_as_it_was(self):
        for end, status in ((lambda top: top.press("q"), 0), (lambda top: top.press("\x03"), -signal.SIGINT),
                            (lambda top: top.process.terminate(), -signal.SIGTERM),
                            (lambda top: top.process.send_signal(signal.SIGHUP), -signal.SIGHUP)):
            top = self.top()
            top.await_lines("^locks: 0")
            self.assertNotEqual(termios.tcgetattr(top.ours), top.before)
            end(top)
            self.assertEqual(top.await_end(), status)
        self.assertEqual(self.top("--count", "2", "--interval", "100ms").await_end(), 0)

    def test_ends_with_its_terminal(self):
        for ignore in ("", "trap '' HUP;"):
            top = OnTerminal(self, "-c", f'{ignore} exec "$0" top', PROGRAM, program="bash")
            top.await_lines("^locks: 0")
            top.hang_up()
            self.assertEqual(top.process.wait(LIMIT), -signal.SIGHUP)

    def test_stops_and_goes_on(self):
        top = OnTerminal(self, "-mc", '"$0" top --interval 1h; echo stopped $?; stty -a; read line; fg; '
                         'echo ended $?; read line', PROGRAM, program="bash", rows=30)
        top.await_lines("^locks: 0")
        top.press("\x1a")
        top.await_lines("stopped 148", " icanon ")
        self.put("a")
        top.press("go on\n")
        top.await_lines("^locks: 0", "^by key")
        self.assertFalse(top.shows("icanon"))
        top.press(" ")
        top.await_lines("^locks: 1", "^a ")
        top.press("q")
        top.await_lines("ended 0")
        top.press("\n")
        top.await_end()

    def test_does_not_draw_from_the_background(self):
        top = OnTerminal(self, "-mc", '"$0" top & echo "pid $!"; read line; fg; echo ended $?; read line',
                         PROGRAM, program="bash")
        top.await_lines("pid")
        self.await_stop(int(re.search(r"pid (\d+)", top.screen.raw)[1]))
        self.assertFalse(top.shows("^locks:"))
        top.press("go on\n")
        top.await_lines("^locks: 0", "^by key")
        top.press("q")
        top.await_lines("ended 0")
        top.press("\n")
        top.await_end()

    def test_waits_for_a_store_that_goes_away(self):
        self.put("a")
        top = self.top("--interval", "100ms")
        top.await_lines("^locks: 1", "^a ")
        self.server.kill()
        top.await_lines(r"^no answer for \d+\.\ds: .*redis", "^by key", "^a ")
        self.server.start()
        self.put("b")
        top.await_lines("^locks: 1", "^b ")

    def test_ends_though_the_store_hangs(self):
        self.put("a")
        top = self.top("--interval", "100ms")
        top.await_lines("^a ")
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            top.await_lines("^no answer for ", "^a ")
            top.press("s")
            top.await_lines("^by remaining")
            top.press("q")
            self.assertEqual(top.await_end(), 0)
        finally:
            self.server.process.send_signal(signal.SIGCONT)

    def test_tells_at_once_of_a_store_that_is_not_there(self):
        nowhere = "redis+unix://" + self.file("nowhere")
        top = self.top("--url", nowhere)
        self.assertEqual(top.await_end(), 69)
        self.assertIn("leaselock: ", top.screen.raw)
        self.assertNotIn("\x1b", top.screen.raw)
        self.expect(69, "top", "--url", nowhere)

    def test_shows_the_locks_of_this_machine(self):
        self.environment["LEASELOCK_URL"] = ""
        url = "file:" + self.file("locks")
        self.hold(self.key, "--url", url)
        self.top("--url", url).await_lines("^locks: 1", f"^{self.key[:20]}")

    def test_prints_snapshots_where_there_is_no_terminal(self):
        self.put("a")
        self.put("b\t")
        told = self.expect(0, "top", "--count", "2", "--interval", "100ms").stdout
        poll = (rf"# {TIME} locks: 2, waiting: 0, longest wait: 0ms, grants: 0\.0/s\n"
                r"a\ttrue\tme\t\d+\t0\tfalse\t0\t0\t0\t\d+\t0\t0\.000\n"
                r"b\\x09\ttrue\tme\t\d+\t0\tfalse\t0\t0\t0\t\d+\t0\t0\.000\n")
        self.assertRegex(told, rf"\A{poll}{poll}\Z")
        told = self.expect(0, "top", "--count", "1", "a*").stdout
        self.assertEqual(len(told.splitlines()), 2)
        # Without a count there is no end.
        endless = self.start("top", "--interval", "100ms")
        for _ in range(9):
            self.assertTrue(endless.stdout.readline())
        endless.terminate()
        self.assertEqual(endless.wait(LIMIT), -signal.SIGTERM)

    def test_prints_snapshots_where_one_cannot_draw(self):
        self.put("a")
        for term in ("dumb", "no-such-terminal", ""):
            top = self.top("--count", "1", TERM=term)
            self.assertEqual(top.await_end(), 0)
            self.assertRegex(top.screen.raw, rf"\A# {TIME} locks: 1.*\r\nkey +held +owner .*\r\na +yes +me ")
            self.assertNotIn("\x1b", top.screen.raw)

    def test_prints_json(self):
        fields = {"key", "held", "owner", "remaining_ms", "fencing_token", "kept", "shares", "slots",
                  "waiting", "held_ms", "waited_ms", "grants_per_second"}
        top = self.start("top", "--json", "--interval", "100ms")
        self.assertEqual(json.loads(top.stdout.readline()), [])
        self.hold(self.key)
        first = poll_until(lambda: json.loads(top.stdout.readline()), "a look with a lock")[0]
        self.assertEqual(set(first), fields)
        self.assertEqual((first["key"], first["held_ms"]), (self.key, 0))
        second = json.loads(top.stdout.readline())[0]
        self.assertGreaterEqual(second["held_ms"], 100)
        self.assertEqual(second["fencing_token"], first["fencing_token"])
        self.assertTrue(0 < second["grants_per_second"] < 10, second)

    def test_snapshots_tell_of_a_store_that_goes_away(self):
        top = self.start("top", "--json", "--interval", "100ms", "--count", "40")
        self.assertEqual(json.loads(top.stdout.readline()), [])
        self.server.kill()
        status, said = self.finish(top)
        self.assertEqual(status, 69)
        self.assertRegex(said, r"\A(leaselock: .*redis.*\n)+\Z")

    def test_refuses_what_makes_no_sense(self):
        for words, text in ((("--interval", "x"), "is no duration"),
                            (("--interval", "0"), "--interval is not in range 100ms to 24h"),
                            (("--interval", "99ms"), "--interval"), (("--interval", "25h"), "--interval"),
                            (("--count", "0"), "--count"), (("--count", "-1"), "--count"),
                            (("--count", "x"), "--count"), (("",), "pattern"), (("a", "b"), "top --help")):
            self.expect_complaint(64, text, "top", *words)


if __name__ == "__main__":
    main()
