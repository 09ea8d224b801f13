"""A browser without a window: Debian's chromium, which is spoken to through two pipes in its DevTools protocol."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = 120  # s, for any one thing; a machine may be busy


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="leaselock-chromium-")
        theirs_in, self.to = os.pipe()
        self.come, theirs_out = os.pipe()

        def descriptors():  # the browser reads from 3 and writes to 4
            source, sink = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(source, 3)
            os.dup2(sink, 4)

        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "about:blank"],
            preexec_fn=descriptors, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(theirs_in)
        os.close(theirs_out)
        self.buffer, self.number, self.session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.come)
        shutil.rmtree(self.profile, ignore_errors=True)

    def message(self, until):
        while b"\0" not in self.buffer:
            if not select.select([self.come], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser says nothing")
            more = os.read(self.come, 1 << 16)
            if not more:
                raise EOFError("the browser has ended")
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(line)

    def call(self, method, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to, json.dumps(request).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            message = self.message(until)
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def value(self, expression):
        """What JavaScript makes of it."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_for(self, expression, patience=PATIENCE):
        """Polls until it is true; gives whether it was."""
        until = time.monotonic() + patience
        while not (found := self.value(expression)) and time.monotonic() < until:
            self.value("new Promise(done => setTimeout(done, 50))")
        return bool(found)

    def open(self, url):
        """Loads a page; gives what went wrong meanwhile: what was not there, and what a script complained about."""
        self.events = []
        self.call("Page.navigate", url=url)
        until = time.monotonic() + PATIENCE
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self.message(until))
        return self.trouble()

    def trouble(self):
        found = []
        for event in self.events:
            parameters = event.get("params", {})
            if event["method"] == "Network.loadingFailed" and "blockedReason" not in parameters:
                found.append(f"not loaded: {parameters.get('errorText')}")
            elif event["method"] == "Network.responseReceived" and parameters["response"]["status"] >= 400:
                found.append(f"{parameters['response']['status']} {parameters['response']['url']}")
            elif event["method"] == "Runtime.exceptionThrown":
                found.append(f"script: {parameters['exceptionDetails'].get('text')}")
        return found

    def requested(self):
        return [event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"]

    def resize(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def screenshot(self, path):
        """Of what stands still."""
        self.wait_for("document.getAnimations().every(a => a.playState !== 'running')", patience=10)
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
