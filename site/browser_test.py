"""Goal: the site can be read and searched, on a telephone (390 pixels) and a screen (1280), from a server and from a
disk, and takes nothing from elsewhere. Method: chromium opens build/docs/site; each page is measured at both widths.
The last cases break a page on purpose, and see that the checks say so. Screenshots go to build/docs/screenshots."""
import functools
import http.server
import os
import threading
import time
import unittest

from browser import Browser

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "docs")
SITE = os.path.join(ROOT, "site")
SHOTS = os.path.join(ROOT, "screenshots")
WIDTHS = (390, 1280)
WIDEST = """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && e.closest('.md-main') && !e.closest('.md-typeset__scrollwrap, .md-typeset__table, table, pre, .md-sidebar'))
    .map(e => e.tagName + ' ' + (e.textContent || '').trim().slice(0, 40)).slice(0, 3)"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def pages():
    for top, _, files in os.walk(SITE):
        yield from (os.path.relpath(os.path.join(top, name), SITE) for name in files if name.endswith(".html"))


class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(SHOTS, exist_ok=True)
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=SITE))
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.base = f"http://127.0.0.1:{cls.server.server_port}/"
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.server.shutdown()
        cls.server.server_close()

    def blocked(self, *urls):
        """Keeps that from the browser until the end of the test."""
        self.addCleanup(self.browser.call, "Network.setBlockedURLs", urls=[])
        self.browser.call("Network.setBlockedURLs", urls=list(urls))

    def open(self, page, base=None):
        self.assertEqual(self.browser.open((base or self.base) + page), [], page)

    def overflow(self, width, patience=10):
        """What is wider than the window: nothing, or the page, and what makes it so. What slides into its place has time."""
        if self.browser.wait_for(f"document.documentElement.scrollWidth <= {width}", patience):
            return []
        return self.browser.value(WIDEST) or ["the page"]

    def lacks_style(self):
        return self.browser.value("""
            [...document.querySelectorAll('link[rel=stylesheet]')].some(l => !l.sheet) ||
            getComputedStyle(document.querySelector('.md-header')).position !== 'sticky'""")

    def search(self, words, patience=60):
        """The titles that a search finds. The page looks at what is written when a key is released; one released before its
        script listens is lost, so another one is."""
        self.browser.value("""document.querySelector('#__search').checked || document.querySelector('#__search').click();
            document.querySelector('.md-search__input').focus(); document.querySelector('.md-search__input').select()""")
        self.browser.call("Input.insertText", text=words)
        until = time.monotonic() + patience
        found = False
        while not found and time.monotonic() < until:
            for kind in ("rawKeyDown", "keyUp"):
                self.browser.call("Input.dispatchKeyEvent", type=kind, key="Shift", code="ShiftLeft", windowsVirtualKeyCode=16)
            found = self.browser.wait_for("document.querySelectorAll('.md-search-result__item').length > 0", 1)
        return self.browser.value(
            "[...document.querySelectorAll('.md-search-result__item a')].map(a => a.textContent.trim().split('\\n')[0])")

    def test_each_page_fits_and_takes_nothing_from_elsewhere(self):
        found = sorted(pages())
        self.assertGreater(len(found), 60)
        self.blocked("*/search_index.json")  # each page would read it again; the script of the search complains
        for page in found:
            trouble = self.browser.open(self.base + page)
            self.assertEqual([line for line in trouble if not line.startswith("script: ")], [], page)
            self.assertEqual([url for url in self.browser.requested() if not url.startswith((self.base, "data:"))], [], page)
            self.assertFalse(self.lacks_style(), page)
            for width in WIDTHS:
                self.browser.resize(width)
                self.assertEqual(self.overflow(width), [], f"{page} at {width}")

    def test_code_in_tables_is_what_is_to_be_copied(self):
        for page in pages():
            with open(os.path.join(SITE, page), encoding="utf-8") as file:
                self.assertNotRegex(file.read(), r"<td>.*<code>[^<]*\\\|", page)

    def test_first_page_has_its_picture(self):
        for width in WIDTHS:
            self.browser.resize(width)
            self.open("index.html")
            self.assertIn("leaselock", self.browser.value("document.querySelector('h1').textContent"))
            self.assertTrue(self.browser.value("[...document.images].length > 0 && [...document.images].every(i => i.naturalWidth > 0)"))
            self.browser.screenshot(os.path.join(SHOTS, f"first_{width}.png"))

    def test_code_page_is_coloured(self):
        for width in WIDTHS:
            self.browser.resize(width)
            self.open("guide/fencing.html")
            colours = self.browser.value(
                "new Set([...document.querySelectorAll('.highlight code span')].map(s => getComputedStyle(s).color)).size")
            self.assertGreater(colours, 3)
            self.browser.screenshot(os.path.join(SHOTS, f"code_{width}.png"))
            self.open("api/lock_manager.html")
            self.browser.screenshot(os.path.join(SHOTS, f"api_{width}.png"))

    def test_search_finds_from_a_server_and_from_a_disk(self):
        for base in (self.base, f"file://{os.path.abspath(SITE)}/"):
            for width in WIDTHS:
                self.browser.resize(width)
                self.open("index.html", base)
                titles = self.search("downgrade")
                self.assertIn("Readers and writers", " ".join(titles), base)
                self.browser.screenshot(os.path.join(SHOTS, f"search_{width}.png"))
        link = self.browser.value("document.querySelector('.md-search-result__item a').href")
        self.assertTrue(link.startswith("file://"), link)
        self.browser.open(link)
        self.assertIn("owngrade", self.browser.value("document.body.textContent"))

    def test_checks_see_overflow(self):
        self.open("guide/waiting.html")
        self.browser.resize(390)
        self.browser.value("document.querySelector('.md-content').insertAdjacentHTML('afterbegin', '<div style=\"width: 900px\">wide</div>')")
        self.assertNotEqual(self.overflow(390, patience=1), [])

    def test_checks_see_a_missing_style_and_a_dead_search(self):
        self.addCleanup(self.browser.call, "Network.setCacheDisabled", cacheDisabled=False)
        self.browser.call("Network.setCacheDisabled", cacheDisabled=True)
        self.blocked("*/stylesheets/main*", "*/search_index.json")
        self.browser.open(self.base + "guide/waiting.html")
        self.assertTrue(self.lacks_style())
        self.assertEqual(self.search("fairness", patience=2), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
