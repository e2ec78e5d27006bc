"""A headless browser without a network: it prints the book, and lets tests see what a reader sees.

It speaks the DevTools protocol over the one socket that Chromium opens; nothing but `websocket-client` is needed.
"""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

from websocket import create_connection

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser():
    """The path of an installed browser of the Chromium family, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    """Opens pages one after the other; use it in a `with` statement."""

    def __init__(self, program, profile, seconds=250):
        """`seconds` without an answer mean that the browser hangs; no page takes that long."""
        self.profile, self.seconds = Path(profile), seconds
        self.process = subprocess.Popen(
            [
                program,
                "--headless=new",
                "--no-sandbox",  # a container's root user has no sandbox; the pages are our own
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND",  # no name can be looked up: there is no network
                "--remote-debugging-port=0",
                f"--user-data-dir={self.profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.socket = self._connect()
        except BaseException:
            self.close()
            raise
        self.numbers, self.events = itertools.count(1), []
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def _connect(self):
        port_file, deadline = self.profile / "DevToolsActivePort", time.monotonic() + self.seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            # The file, then the server, then the page: each is there some time after the one before.
            with contextlib.suppress(OSError, ValueError, StopIteration):
                port, _ = port_file.read_text().split("\n", 1)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=self.seconds) as answer:
                    page = next(target for target in json.load(answer) if target["type"] == "page")
                # Chromium turns away a socket that names a web page as its origin.
                return create_connection(page["webSocketDebuggerUrl"], suppress_origin=True, timeout=self.seconds)
            time.sleep(0.02)
        raise TimeoutError("the browser did not start")

    def call(self, method, **params):
        """Send one command and return its result; what else the browser reports meanwhile goes to `self.events`."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def wait(self, condition):
        """Until the browser has reported an event for which `condition` is true."""
        while not any(map(condition, self.events)):
            self.events.append(json.loads(self.socket.recv()))

    def wait_for(self, script):
        """Until a JavaScript expression in the page is true."""
        self.evaluate(f"new Promise(done => (function look() {{ ({script}) ? done(true) : setTimeout(look, 20) }})())")

    def evaluate(self, script):
        """The value of a JavaScript expression in the page (a promise is waited for)."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def open(self, path, width=1200, height=900, dark=False):
        """Show a file, wait until it has loaded and its formulas are set; returns the events of all that time."""
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        page = self.call("Page.navigate", url=Path(path).resolve().as_uri())
        if "errorText" in page:
            raise RuntimeError(f"{path}: {page['errorText']}")
        loaded = {"name": "load", "loaderId": page["loaderId"]}
        self.wait(lambda event: event["method"] == "Page.lifecycleEvent" and loaded.items() <= event["params"].items())
        self.evaluate("window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => true) : true")
        return list(self.events)

    def resize(self, width, height=900):
        """Another window around the page that is open: below 600 pixels that of a phone."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def screenshot(self, path, height):
        """Write a picture (WebP) of the page from its top, at most `height` pixels of it."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], height), "scale": 1}
        picture = self.call(
            "Page.captureScreenshot", format="webp", quality=60, clip=clip, captureBeyondViewport=True
        )  # fmt: skip
        Path(path).write_bytes(base64.b64decode(picture["data"]))

    def press(self, key, **more):
        """Press and let go of one key, such as ``Tab``."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, **more)

    def print(self, path, **options):
        """Write the page as PDF; options are those of Page.printToPDF."""
        Path(path).write_bytes(base64.b64decode(self.call("Page.printToPDF", **options)["data"]))

    def close(self):
        if hasattr(self, "socket"):
            self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=self.seconds)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
