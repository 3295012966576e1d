"""A real headless Chromium, driven over its own debugging protocol through two pipes.

    with Browser(tmp_path) as browser:
        browser.open(page, width_px=390, dark=True)
        browser.evaluate("document.title")

`python tests/browser.py PAGE PICTURE [WIDTH] [dark]` makes a picture of a page.
"""

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

ANSWER_S = 60.0
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    "--hide-scrollbars",
)
NETWORK = ("http://", "https://", "ws://", "wss://", "ftp://")


class BrowserError(Exception):
    """The browser is missing, ended, or answered with an error."""


class Browser:
    """One browser with one empty page.

    `requests` and `complaints` hold what the page asked for and broke.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("chromium")
        if program is None:
            raise BrowserError(
                "chromium is not on PATH; on Debian: apt-get install --no-install-recommends chromium"
            )
        self._program = program
        self._folder = folder / "profile"
        self._numbers = itertools.count(1)
        self._session = ""
        self._rest = b""
        self.requests: list[str] = []
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        read_commands, self._write = os.pipe()
        self._read, write_answers = os.pipe()
        options = [*OPTIONS, f"--user-data-dir={self._folder}"]
        # The protocol's pipes have to be the descriptors 3 and 4.
        shell = f'exec "$@" 3<&{read_commands} 4>&{write_answers}'
        command = ["bash", "-c", shell, "bash", self._program, *options, "--remote-debugging-pipe"]
        with (self._folder.parent / "chromium.log").open("w") as log:
            self._process = subprocess.Popen(
                [*command, "about:blank"],
                pass_fds=(read_commands, write_answers),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.close(read_commands)
        os.close(write_answers)
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Network", "Runtime", "Log"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._write)  # it ends when nobody can tell it anything any more
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            os.close(self._read)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command; return its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + ANSWER_S
        while True:
            answer = self._next(until, method)
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._note(answer)

    def _next(self, until: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(until - time.monotonic(), 0))
            chunk = os.read(self._read, 1 << 20) if ready else b""
            if not chunk:
                raise BrowserError(f"{method}: no answer (its log: {self._folder.parent}/chromium.log)")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(parameters["exceptionDetails"]))
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                self.complaints.append(parameters["entry"]["text"])

    def open(self, page: Path, *, width_px: int = 1200, dark: bool = False, media: str = "") -> None:
        """Open a file at a width, in the colours and the medium.

        Return when it is loaded and drawn.
        """
        phone = width_px < 600  # narrower than any tablet
        size = {"width": width_px, "height": 900, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.look(dark=dark, media=media)
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.wait("document.readyState === 'complete' && location.protocol === 'file:'")

    def look(self, *, dark: bool, media: str = "") -> None:
        """Change the colours that the reader prefers, and the medium; empty: as it really is."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        made = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in made:
            raise BrowserError(f"{script}: {made['exceptionDetails']}")
        return made["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        until = time.monotonic() + ANSWER_S
        while not self.evaluate(condition):
            if time.monotonic() > until:
                raise BrowserError(f"never true: {condition}")
            time.sleep(0.05)

    def picture(self, file: Path) -> None:
        """Save a picture of the whole page."""
        made = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(made["data"]))

    def pdf(self, file: Path) -> None:
        """Print the page into a file."""
        made = self.call("Page.printToPDF", printBackground=True)
        file.write_bytes(base64.b64decode(made["data"]))


def main(page: str, picture: str, width: str = "1200", colours: str = "light") -> None:
    """Make a picture of a page."""
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder)) as browser:
        browser.open(Path(page), width_px=int(width), dark=colours == "dark")
        browser.wait(
            "!document.getElementById('timeline') || document.documentElement.dataset.drawn === 'yes'"
        )
        browser.picture(Path(picture))


if __name__ == "__main__":
    main(*sys.argv[1:])
